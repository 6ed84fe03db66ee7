using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The frames about lists of rooms, and the JSON of their rows.</summary>
internal static class RoomListFrames
{
    /// <summary>Characters of a cursor at most.</summary>
    public const int MaxCursorChars = 160;

    /// <summary>What clients send.</summary>
    public static IReadOnlyList<FrameType> Types { get; } =
    [
        new("rooms", static (ref FrameFields fields) => new RoomsCommand
        {
            Community = fields.Id("community", RoomIdFormat.MaxChars),
            Invited = fields.Boolean("invited") ?? false,
            Cursor = fields.Text("cursor", MaxCursorChars),
            Limit = (int?)fields.Integer(Field.Limit, 1, LimitOptions.MaxHistoryPage),
        }),
        new("room", static (ref FrameFields fields) => new DescribeRoomCommand { RoomId = fields.RoomId() }),
        new("communities", static (ref FrameFields fields) => new CommunitiesCommand
        {
            Cursor = fields.Text("cursor", RoomIdFormat.MaxChars), Limit = (int?)fields.Integer(Field.Limit, 1, LimitOptions.MaxHistoryPage),
        }),
    ];

    /// <summary>What clients are told.</summary>
    public static IReadOnlyList<NativeEncoder> Encoders { get; } =
    [
        NativeEncoder.Json<RoomListEvent>(Rooms),
        NativeEncoder.Json<RoomDescribedEvent>(Room),
        NativeEncoder.Json<CommunitiesEvent>(Communities),
    ];

    /// <summary><c>rooms:[{room_id, …}], has_more, cursor</c>.</summary>
    public static void WriteList(Utf8JsonWriter json, RoomListEvent list)
    {
        json.WriteStartArray("rooms"u8);
        foreach (var room in list.Rooms)
        {
            json.WriteStartObject();
            WriteRoom(json, room);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, list.HasMore);
        FrameJson.WriteOptional(json, "cursor"u8, list.Cursor);
    }

    /// <summary>The fields of a room, without the braces.</summary>
    public static void WriteRoom(Utf8JsonWriter json, ListedRoom listed)
    {
        var (room, notices) = (listed.Room, listed.Notices);
        json.WriteString("room_id"u8, room.RoomId);
        json.WriteString("epoch"u8, room.Epoch);
        json.WriteNumber("seq"u8, room.Seq);
        RoomFrames.WriteSettings(json, room.Settings);
        json.WriteNumber("members"u8, room.Members);
        if (room.Role.Length > 0)
        {
            json.WriteString("role"u8, room.Role);
            json.WriteBoolean("muted"u8, room.Muted);
            FrameJson.WriteOptionalTime(json, "muted_until"u8, room.MutedUntilMs);
            json.WriteNumber("read_seq"u8, room.ReadSeq);
            json.WriteNumber("unread"u8, room.Unread);
        }

        FrameJson.WriteOptional(json, "invited_by"u8, room.InvitedBy);
        if (notices is not null)
        {
            json.WriteNumber("mentions"u8, notices.Mentions);
            FrameJson.WriteOptional(json, "notify_level"u8, notices.Level);
            FrameJson.WriteOptionalTime(json, "notify_mute_until"u8, notices.MuteUntilMs);
        }

        if (room.OtherUserId.Length > 0)
        {
            json.WriteStartObject("with"u8);
            json.WriteString("user_id"u8, room.OtherUserId);
            json.WriteString("username"u8, room.OtherUsername.Length > 0 ? room.OtherUsername : room.OtherUserId);
            json.WriteEndObject();
        }

        if (room.LastMessage is { } last)
        {
            json.WriteStartObject("last_message"u8);
            FrameJson.WriteMessageFields(json, last);
            json.WriteEndObject();
        }
    }

    /// <summary><c>items:[{community, …}], has_more, cursor</c>.</summary>
    public static void WriteCommunities(Utf8JsonWriter json, CommunitiesEvent communities)
    {
        json.WriteStartArray("items"u8);
        foreach (var community in communities.Items)
        {
            json.WriteStartObject();
            json.WriteString("community"u8, community.CommunityId);
            if (community.Settings is { } settings)
            {
                json.WriteString("kind"u8, RoomFrames.Shown(settings.Kind));
                FrameJson.WriteOptional(json, "name"u8, settings.Name);
                FrameJson.WriteOptional(json, "topic"u8, settings.Topic);
                json.WriteBoolean("archived"u8, settings.Archived);
            }

            FrameJson.WriteOptional(json, "role"u8, community.Role);
            json.WriteNumber("rooms"u8, community.Rooms);
            json.WriteNumber("unread"u8, community.Unread);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, communities.HasMore);
        FrameJson.WriteOptional(json, "cursor"u8, communities.Cursor);
    }

    private static Utf8JsonWriter Rooms(RoomListEvent list)
    {
        var json = FrameJson.BeginData("rooms"u8, reference: list.Ref);
        WriteList(json, list);
        return json;
    }

    private static Utf8JsonWriter Room(RoomDescribedEvent described)
    {
        var json = FrameJson.BeginData("room"u8, described.Listed.Room.RoomId, reference: described.Ref);
        WriteRoom(json, described.Listed);
        return json;
    }

    private static Utf8JsonWriter Communities(CommunitiesEvent communities)
    {
        var json = FrameJson.BeginData("communities"u8, reference: communities.Ref);
        WriteCommunities(json, communities);
        return json;
    }
}
