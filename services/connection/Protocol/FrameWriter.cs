using Tertulia.Contracts;

namespace Tertulia.Connections.Protocol;

/// <summary>Every server frame of PROTOCOL §3, encoded once for all who get it. A field that is absent is left out.</summary>
internal static partial class FrameWriter
{
    /// <summary>UTF-8 bytes of a server frame at most (PROTOCOL §3).</summary>
    public const int MaxFrameBytes = 64 * 1024;

    /// <summary><c>left</c>: the caller is out of the room.</summary>
    public static EncodedFrame Left(string roomId, string? reference)
    {
        var json = FrameJson.BeginData("left"u8, roomId, reference: reference);
        json.WriteString("room_id"u8, roomId);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>message</c>: one live entry of the log.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="epoch">Epoch of the seq.</param>
    /// <param name="roomEvent">An event whose body is a message.</param>
    public static EncodedFrame Message(string roomId, string epoch, RoomEvent roomEvent)
    {
        var message = roomEvent.Message;
        var json = FrameJson.BeginData("message"u8, roomId, roomEvent.Seq, epoch);
        FrameJson.WriteMessageFields(
            json, message.MessageId, roomEvent.Seq, roomEvent.UserId, roomEvent.Username, message.Content, roomEvent.CreatedAtMs,
            message.ClientMsgId, message.ReplyTo, message.Metadata.Span);
        return FrameJson.End(json, FrameClass.Durable);
    }

    /// <summary><c>message</c>: a message in its current state, for a client that catches up.</summary>
    public static EncodedFrame Message(string roomId, string epoch, Message message)
    {
        var json = FrameJson.BeginData("message"u8, roomId, message.Seq, epoch);
        FrameJson.WriteMessageFields(json, message);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>message_sent</c>: the sender's message is durable.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="epoch">Epoch of the seq.</param>
    /// <param name="reference">The frame's <c>ref</c>; null when it had none.</param>
    /// <param name="messageId">UUIDv7.</param>
    /// <param name="clientMsgId">Null or empty when the client chose none.</param>
    /// <param name="seq">Place in the log.</param>
    /// <param name="timestampMs">Unix milliseconds of the write.</param>
    /// <param name="duplicate">The log already held it: this is the first result.</param>
    public static EncodedFrame MessageSent(
        string roomId, string epoch, string? reference, string messageId, string? clientMsgId, long seq, long timestampMs, bool duplicate)
    {
        var json = FrameJson.Begin("message_sent"u8, roomId, seq, epoch, reference);
        json.WriteString("message_id"u8, messageId);
        FrameJson.WriteTime(json, "timestamp"u8, timestampMs);
        json.WriteStartObject("data"u8);
        json.WriteString("message_id"u8, messageId);
        FrameJson.WriteOptional(json, "client_msg_id"u8, clientMsgId);
        json.WriteNumber("seq"u8, seq);
        FrameJson.WriteTime(json, "timestamp"u8, timestampMs);
        json.WriteBoolean("duplicate"u8, duplicate);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>user_joined</c>: a user's first device came.</summary>
    public static EncodedFrame UserJoined(string roomId, PresentUser user) => UserChange("user_joined"u8, roomId, user);

    /// <summary><c>user_left</c>: a user's last device left.</summary>
    public static EncodedFrame UserLeft(string roomId, PresentUser user) => UserChange("user_left"u8, roomId, user);

    /// <summary><c>typing</c>.</summary>
    public static EncodedFrame Typing(string roomId, string userId, string username, bool isTyping)
    {
        var json = FrameJson.BeginData("typing"u8, roomId);
        json.WriteString("user_id"u8, userId);
        json.WriteString("username"u8, username);
        json.WriteBoolean("is_typing"u8, isTyping);
        return FrameJson.End(json, FrameClass.Ephemeral);
    }

    /// <summary><c>online_count</c>: how many users are in a large room.</summary>
    public static EncodedFrame OnlineCount(string roomId, uint online, uint members)
    {
        var json = FrameJson.BeginData("online_count"u8, roomId);
        json.WriteString("room_id"u8, roomId);
        json.WriteNumber("online"u8, online);
        json.WriteNumber("members"u8, members);
        return FrameJson.End(json, FrameClass.Ephemeral);
    }

    /// <summary><c>gap</c>: these entries were left out; the client pages the history.</summary>
    public static EncodedFrame Gap(string roomId, string? epoch, long fromSeq, long toSeq)
    {
        var json = FrameJson.BeginData("gap"u8, roomId, epoch: epoch);
        json.WriteString("room_id"u8, roomId);
        json.WriteNumber("from_seq"u8, fromSeq);
        json.WriteNumber("to_seq"u8, toSeq);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>pong</c>.</summary>
    public static EncodedFrame Pong(string? reference, DateTimeOffset serverTime)
    {
        var json = FrameJson.BeginData("pong"u8, reference: reference);
        FrameJson.WriteTime(json, "server_time"u8, serverTime);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>auth_ok</c>.</summary>
    /// <param name="expiresAt">Null when the identity does not expire (Development).</param>
    /// <param name="reference">The frame's <c>ref</c>; null when it had none.</param>
    public static EncodedFrame AuthOk(DateTimeOffset? expiresAt, string? reference)
    {
        var json = FrameJson.BeginData("auth_ok"u8, reference: reference);
        if (expiresAt is { } instant)
        {
            FrameJson.WriteTime(json, "expires_at"u8, instant);
        }

        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>token_expiring</c>: a fresh token is due.</summary>
    public static EncodedFrame TokenExpiring(DateTimeOffset expiresAt)
    {
        var json = FrameJson.BeginData("token_expiring"u8);
        FrameJson.WriteTime(json, "expires_at"u8, expiresAt);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>reconnect</c>: come back elsewhere, after the delay and a random part of the jitter.</summary>
    /// <param name="reason"><c>drain</c>, <c>rebalance</c> or <c>maintenance</c>.</param>
    /// <param name="delayMs">Milliseconds.</param>
    /// <param name="jitterMs">Milliseconds.</param>
    public static EncodedFrame Reconnect(string reason, int delayMs, int jitterMs)
    {
        var json = FrameJson.BeginData("reconnect"u8);
        json.WriteString("reason"u8, reason);
        json.WriteNumber("delay_ms"u8, delayMs);
        json.WriteNumber("jitter_ms"u8, jitterMs);
        return FrameJson.End(json, FrameClass.Control);
    }

    /// <summary><c>error</c>.</summary>
    /// <param name="code">Of the catalog, which gives name, sentence and whether it is temporary.</param>
    /// <param name="message">A better sentence; null or empty for the catalog's.</param>
    /// <param name="reference">The failed frame's <c>ref</c>; null when it had none.</param>
    /// <param name="retryAfterMs">Milliseconds; null or 0 when there is no such advice.</param>
    /// <param name="roomId">The room it is about; null when none.</param>
    public static EncodedFrame Error(ErrorCode code, string? message = null, string? reference = null, int? retryAfterMs = null, string? roomId = null)
    {
        var entry = ErrorCatalog.Of(code);
        var json = FrameJson.BeginData("error"u8, roomId, reference: reference);
        json.WriteString("message"u8, string.IsNullOrEmpty(message) ? entry.Message : message);
        json.WriteNumber("code"u8, (int)entry.Code);
        json.WriteString("name"u8, entry.Name);
        json.WriteBoolean("temporary"u8, entry.Temporary);
        if (retryAfterMs is > 0 and var delay)
        {
            json.WriteNumber("retry_after_ms"u8, delay);
        }

        return FrameJson.End(json, FrameClass.Control);
    }

    private static EncodedFrame UserChange(ReadOnlySpan<byte> type, string roomId, PresentUser user)
    {
        var json = FrameJson.BeginData(type, roomId);
        json.WriteString("user_id"u8, user.UserId);
        json.WriteString("username"u8, user.Username);
        return FrameJson.End(json, FrameClass.Ephemeral);
    }
}
