using System.Text.Json;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The frames of presence (PROTOCOL §3).</summary>
internal static class PresenceFrames
{
    private const int MaxStatusChars = 16;

    /// <summary>Client frames.</summary>
    public static IReadOnlyList<FrameType> Types { get; } =
    [
        new("presence_set", static (ref FrameFields fields) => new PresenceSetCommand
        {
            Status = fields.Required("status", fields.Text("status", MaxStatusChars)) ?? "",
            Text = fields.Text("text", PresenceStatus.MaxTextChars),
            Emoji = fields.Text("emoji", PresenceStatus.MaxEmojiChars),
            Until = fields.Time("until"),
            IsOfDevice = fields.Flag("device"),
        }),
        new("focus", static (ref FrameFields fields) => new FocusCommand { RoomId = fields.RoomId() }),
        new("presence_watch", static (ref FrameFields fields) => new PresenceWatchCommand { UserIds = UserIds(ref fields) ?? [] }),
        new("presence_unwatch", static (ref FrameFields fields) => new PresenceUnwatchCommand { UserIds = UserIds(ref fields) }),
    ];

    /// <summary>Server frames.</summary>
    public static IReadOnlyList<NativeEncoder> Encoders { get; } =
    [
        NativeEncoder.Json<PresenceEvent>(Presence),
        NativeEncoder.Json<ChosenStatusEvent>(Chosen),
        NativeEncoder.Json<DeviceStatusEvent>(Device),
        NativeEncoder.Json<FocusEvent>(static focus => FrameJson.BeginData("focus"u8, focus.RoomId, reference: focus.Ref)),
        NativeEncoder.Json<WatchStateEvent>(State),
        NativeEncoder.Json<UnwatchedEvent>(Unwatched),
    ];

    private static IReadOnlyList<string>? UserIds(ref FrameFields fields) =>
        fields.Ids("user_ids", WatchList.MaxUsersInFrame, IdentityText.MaxUserIdChars);

    private static Utf8JsonWriter Presence(PresenceEvent presence)
    {
        var json = FrameJson.BeginData("presence"u8, presence.RoomId);
        FrameJson.WriteUserFields(json, presence.User);
        return json;
    }

    private static Utf8JsonWriter Chosen(ChosenStatusEvent chosen)
    {
        var json = FrameJson.BeginData("presence"u8, reference: chosen.Ref);
        json.WriteString("user_id"u8, chosen.Status.UserId);
        json.WriteString("status"u8, chosen.Status.Status);
        FrameJson.WriteOptional(json, "text"u8, chosen.Status.Text);
        FrameJson.WriteOptional(json, "emoji"u8, chosen.Status.Emoji);
        if (chosen.Status.UntilMs > 0)
        {
            FrameJson.WriteTime(json, "until"u8, chosen.Status.UntilMs);
        }

        return json;
    }

    private static Utf8JsonWriter Device(DeviceStatusEvent device)
    {
        var json = FrameJson.BeginData("presence"u8, reference: device.Ref);
        json.WriteString("user_id"u8, device.UserId);
        json.WriteString("status"u8, device.IsAway ? PresenceStatus.Away : PresenceStatus.Online);
        json.WriteBoolean("device"u8, true);
        return json;
    }

    private static Utf8JsonWriter State(WatchStateEvent state)
    {
        var json = FrameJson.BeginData("presence_state"u8, reference: state.Ref);
        FrameJson.WriteUsers(json, "users"u8, state.Users);
        json.WriteBoolean("has_more"u8, state.HasMore);
        return json;
    }

    private static Utf8JsonWriter Unwatched(UnwatchedEvent unwatched)
    {
        var json = FrameJson.BeginData("presence_unwatched"u8, reference: unwatched.Ref);
        json.WriteNumber("watched"u8, unwatched.Watched);
        return json;
    }
}
