using System.Text.Json;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Protocol;

/// <summary>The frames that carry pages of messages. They never pass <see cref="MaxFrameBytes"/>: what does not fit is said to the caller.</summary>
internal static partial class FrameWriter
{
    // Envelope, ids, limits and up to some hundred present users.
    private const int GreetingReserveBytes = 24 * 1024;
    private const int PageReserveBytes = 1024;

    /// <summary><c>connected</c>: the session is authenticated and, on <c>/ws/{room_id}</c>, in its room.</summary>
    /// <param name="connectionId">Of this socket.</param>
    /// <param name="sessionId">Of the session.</param>
    /// <param name="user">Who it is.</param>
    /// <param name="limits">Told to the client.</param>
    /// <param name="heartbeat">Silence after which the server pings.</param>
    /// <param name="serverTime">Now.</param>
    /// <param name="rooms">The rooms the user is in and their positions.</param>
    /// <param name="room">The room of the URL; null on <c>/ws</c>.</param>
    /// <param name="taken">Messages of the room's snapshot that are in the frame: see <see cref="Joined"/>.</param>
    public static EncodedFrame Connected(
        string connectionId, string sessionId, Caller user, LimitOptions limits, TimeSpan heartbeat, DateTimeOffset serverTime,
        IReadOnlyList<RoomSummary> rooms, RoomView? room, out int taken)
    {
        taken = 0;
        var json = room is null
            ? FrameJson.BeginData("connected"u8)
            : FrameJson.BeginData("connected"u8, room.RoomId, room.Snapshot.Seq, room.Snapshot.Epoch);
        if (room is not null)
        {
            WriteRoom(json, room, out taken);
        }
        else
        {
            FrameJson.WriteUsers(json, "active_users"u8, []);
            json.WriteStartArray("history"u8);
            json.WriteEndArray();
        }

        json.WriteString("connection_id"u8, connectionId);
        json.WriteString("session_id"u8, sessionId);
        WriteUser(json, user);
        WriteRooms(json, rooms);
        json.WriteNumber("heartbeat_ms"u8, (long)heartbeat.TotalMilliseconds);
        FrameJson.WriteTime(json, "server_time"u8, serverTime);
        WriteLimits(json, limits);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>joined</c>: the session is in the room.</summary>
    /// <param name="room">What it is shown.</param>
    /// <param name="reference">The frame's <c>ref</c>; null when it had none.</param>
    /// <param name="taken">Messages of the snapshot that are in the frame. When it is recovered these are the first ones, and the caller sends the others as
    /// <c>message</c> frames; otherwise they are the newest, and the client pages back from them.</param>
    public static EncodedFrame Joined(RoomView room, string? reference, out int taken)
    {
        var json = FrameJson.BeginData("joined"u8, room.RoomId, room.Snapshot.Seq, room.Snapshot.Epoch, reference);
        WriteRoom(json, room, out taken);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>history</c>: a page, in ascending order of seq.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="reference">The frame's <c>ref</c>; null when it had none.</param>
    /// <param name="items">The page, ascending.</param>
    /// <param name="hasMore">There are more in the direction of the page.</param>
    /// <param name="newest">The page was asked for from its end (<c>before_seq</c>, or no bound): what does not fit is left out at the beginning,
    /// else at the end. Either way <c>has_more</c> is then true.</param>
    public static EncodedFrame History(string roomId, string? reference, IReadOnlyList<Message> items, bool hasMore, bool newest = true)
    {
        var page = MessagePage.Encode(items, MaxFrameBytes - PageReserveBytes, newest);
        var json = FrameJson.BeginData("history"u8, roomId, reference: reference);
        page.WriteTo(json, "items"u8);
        json.WriteBoolean("has_more"u8, hasMore || page.Count < items.Count);
        return FrameJson.End(json, FrameClass.Control);
    }

    private static void WriteRoom(Utf8JsonWriter json, RoomView room, out int taken)
    {
        json.WriteString("room_id"u8, room.RoomId);
        json.WriteString("epoch"u8, room.Snapshot.Epoch);
        json.WriteNumber("seq"u8, room.Snapshot.Seq);
        json.WriteBoolean("recovered"u8, room.Snapshot.Recovered);
        json.WriteNumber("members"u8, room.Snapshot.Members);
        json.WriteNumber("count"u8, room.Online);
        FrameJson.WriteUsers(json, "active_users"u8, room.ActiveUsers);

        // Of what was missed the oldest come first; of a history the newest matter.
        json.Flush();
        var budget = MaxFrameBytes - Math.Max(GreetingReserveBytes, (int)json.BytesCommitted + PageReserveBytes);
        var page = MessagePage.Encode(room.Snapshot.Messages, budget, fromEnd: !room.Snapshot.Recovered);
        page.WriteTo(json, "history"u8);
        taken = page.Count;
    }

    private static void WriteUser(Utf8JsonWriter json, Caller user)
    {
        json.WriteStartObject("user"u8);
        json.WriteString("user_id"u8, user.UserId);
        json.WriteString("username"u8, user.Username);
        json.WriteString("role"u8, user.Role);
        FrameJson.WriteOptional(json, "avatar"u8, user.Avatar);
        json.WriteEndObject();
    }

    private static void WriteRooms(Utf8JsonWriter json, IReadOnlyList<RoomSummary> rooms)
    {
        json.WriteStartArray("rooms"u8);
        foreach (var room in rooms)
        {
            json.WriteStartObject();
            json.WriteString("room_id"u8, room.RoomId);
            json.WriteString("epoch"u8, room.Epoch);
            json.WriteNumber("seq"u8, room.Seq);
            FrameJson.WriteOptional(json, "role"u8, room.Role);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteLimits(Utf8JsonWriter json, LimitOptions limits)
    {
        json.WriteStartObject("limits"u8);
        json.WriteNumber("content_length"u8, limits.ContentLength);
        json.WriteNumber("frame_bytes"u8, limits.FrameBytes);
        json.WriteNumber("events_per_minute"u8, limits.EventsPerMinute);
        json.WriteNumber("burst"u8, limits.Burst);
        json.WriteNumber("rooms_per_connection"u8, limits.RoomsPerConnection);
        json.WriteNumber("connections_per_user"u8, limits.ConnectionsPerUser);
        json.WriteNumber("history_page"u8, LimitOptions.MaxHistoryPage);
        json.WriteEndObject();
    }
}
