using System.Text.Json;
using Tertulia.Connections.Notifying;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The frames about the threads that a user follows.</summary>
internal static class ThreadFrames
{
    private const int MaxIdChars = 64;

    /// <summary>What clients send.</summary>
    public static IReadOnlyList<FrameType> Types { get; } =
    [
        new("threads", static (ref FrameFields fields) => new ThreadsCommand
        {
            UnreadOnly = fields.Flag("unread_only"),
            Cursor = fields.Text("cursor", RoomListFrames.MaxCursorChars),
            Limit = (int?)fields.Integer(Field.Limit, 1, LimitOptions.MaxHistoryPage),
        }),
        new("thread_follow", static (ref FrameFields fields) => new FollowThreadCommand { RoomId = fields.RoomId(), ThreadRoot = Root(ref fields) }),
        new("thread_unfollow", static (ref FrameFields fields) => new FollowThreadCommand
        {
            RoomId = fields.RoomId(), ThreadRoot = Root(ref fields), Unfollows = true,
        }),
    ];

    /// <summary>What clients are told.</summary>
    public static IReadOnlyList<NativeEncoder> Encoders { get; } =
    [
        NativeEncoder.Json<ThreadUnreadEvent>(Unread),
        NativeEncoder.Json<ThreadListEvent>(Threads),
    ];

    /// <summary><c>items:[{room_id, thread_root, …}], has_more, cursor</c>.</summary>
    public static void WriteList(Utf8JsonWriter json, ThreadListEvent list)
    {
        json.WriteStartArray("items"u8);
        foreach (var thread in list.Threads)
        {
            json.WriteStartObject();
            WriteFields(json, thread);
            FrameJson.WriteTime(json, "last_reply_at"u8, thread.LastReplyAtMs);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, list.HasMore);
        FrameJson.WriteOptional(json, "cursor"u8, list.Cursor);
    }

    private static void WriteFields(Utf8JsonWriter json, ThreadUnread thread)
    {
        json.WriteString("room_id"u8, thread.RoomId);
        json.WriteString("thread_root"u8, thread.RootId);
        json.WriteBoolean("following"u8, thread.Following);
        json.WriteNumber("read_seq"u8, thread.ReadSeq);
        json.WriteNumber("unread"u8, thread.Unread);
        json.WriteNumber("last_seq"u8, thread.LastSeq);
    }

    private static Utf8JsonWriter Unread(ThreadUnreadEvent told)
    {
        var json = FrameJson.BeginData("unread"u8, told.Thread.RoomId, reference: told.Ref);
        WriteFields(json, told.Thread);
        return json;
    }

    private static Utf8JsonWriter Threads(ThreadListEvent list)
    {
        var json = FrameJson.BeginData("threads"u8, reference: list.Ref);
        WriteList(json, list);
        return json;
    }

    private static string? Root(ref FrameFields fields) => fields.Required("thread_root", fields.Id("thread_root", MaxIdChars));
}
