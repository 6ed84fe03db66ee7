using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The JSON that server frames are made of: envelope, times, messages, users.</summary>
/// <remarks>Each thread has one writer: what <see cref="Begin"/> started on a thread must come to <see cref="End"/> on it, without another frame in between.</remarks>
internal static class FrameJson
{
    /// <summary>Frames carry text as typed, without escapes for HTML: a page that shows it escapes it.</summary>
    internal static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    // A buffer that one large history has grown is not kept.
    private const int KeptBytes = 128 * 1024;

    [ThreadStatic] private static ArrayBufferWriter<byte>? _threadBuffer;
    [ThreadStatic] private static Utf8JsonWriter? _threadWriter;

    /// <summary>Writes <c>{"type":…,"room_id":…,"seq":…,"epoch":…,"ref":…</c>; what is null is left out.</summary>
    public static Utf8JsonWriter Begin(
        ReadOnlySpan<byte> type, string? roomId = null, long? seq = null, string? epoch = null, string? reference = null)
    {
        var buffer = _threadBuffer ??= new ArrayBufferWriter<byte>(1024);
        var json = _threadWriter ??= new Utf8JsonWriter(buffer, Options);
        buffer.ResetWrittenCount();
        json.Reset(buffer);
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        WriteOptional(json, "room_id"u8, roomId);
        if (seq is { } number)
        {
            json.WriteNumber("seq"u8, number);
        }

        WriteOptional(json, "epoch"u8, epoch);
        WriteOptional(json, "ref"u8, reference);
        return json;
    }

    /// <summary>As <see cref="Begin"/>, and opens <c>"data":{</c>.</summary>
    public static Utf8JsonWriter BeginData(
        ReadOnlySpan<byte> type, string? roomId = null, long? seq = null, string? epoch = null, string? reference = null)
    {
        var json = Begin(type, roomId, seq, epoch, reference);
        json.WriteStartObject("data"u8);
        return json;
    }

    /// <summary>Closes <c>data</c> and the envelope, and makes the frame.</summary>
    public static byte[] End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        var frame = WebSocketFrames.Make(WebSocketOpcode.Text, _threadBuffer!.WrittenSpan);
        if (_threadBuffer.Capacity > KeptBytes)
        {
            (_threadBuffer, _threadWriter) = (null, null);
        }

        return frame;
    }

    /// <summary>Writes a string unless it is null or empty, which is how the contracts say that it is absent.</summary>
    public static void WriteOptional(Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            json.WriteString(name, value);
        }
    }

    /// <summary>ISO-8601, UTC, milliseconds.</summary>
    public static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset value)
    {
        Span<byte> text = stackalloc byte[32];
        value.UtcDateTime.TryFormat(text, out var length, "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        json.WriteString(name, text[..length]);
    }

    /// <summary>ISO-8601, UTC, milliseconds.</summary>
    public static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, long unixMilliseconds) =>
        WriteTime(json, name, DateTimeOffset.FromUnixTimeMilliseconds(unixMilliseconds));

    /// <summary>Writes a time unless it is 0, which is how the contracts say that it is absent.</summary>
    public static void WriteOptionalTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, long unixMilliseconds)
    {
        if (unixMilliseconds > 0)
        {
            WriteTime(json, name, unixMilliseconds);
        }
    }

    /// <summary><c>[{user_id, username, status, text, emoji, last_seen}]</c>.</summary>
    public static void WriteUsers(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<PresentUser> users)
    {
        json.WriteStartArray(name);
        foreach (var user in users)
        {
            json.WriteStartObject();
            WriteUserFields(json, user);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The fields of a user, without the braces. One that was never seen has no name.</summary>
    public static void WriteUserFields(Utf8JsonWriter json, PresentUser user)
    {
        json.WriteString("user_id"u8, user.UserId);
        WriteOptional(json, "username"u8, user.Username);
        json.WriteString("status"u8, user.Status is { Length: > 0 } status ? status : PresenceStatus.Online);
        WriteOptional(json, "text"u8, user.Text);
        WriteOptional(json, "emoji"u8, user.Emoji);
        if (user.LastSeenMs > 0)
        {
            WriteTime(json, "last_seen"u8, user.LastSeenMs);
        }
    }

    /// <summary>The fields of a message, without the braces.</summary>
    public static void WriteMessageFields(
        Utf8JsonWriter json, string messageId, long seq, string userId, string username, string content, long createdAtMs,
        string clientMsgId, string replyTo, ReadOnlySpan<byte> metadata)
    {
        json.WriteString("id"u8, messageId);
        json.WriteNumber("seq"u8, seq);
        json.WriteString("user_id"u8, userId);
        json.WriteString("username"u8, username);
        json.WriteString("content"u8, content);
        WriteTime(json, "created_at"u8, createdAtMs);
        WriteOptional(json, "client_msg_id"u8, clientMsgId);
        WriteOptional(json, "reply_to"u8, replyTo);
        if (!metadata.IsEmpty)
        {
            json.WritePropertyName("metadata"u8);
            json.WriteRawValue(metadata, skipInputValidation: true); // FrameReader took it only as a complete object.
        }
    }

    /// <summary><c>[{id, seq, …}]</c>.</summary>
    public static void WriteMessages(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<Message> messages)
    {
        json.WriteStartArray(name);
        foreach (var message in messages)
        {
            json.WriteStartObject();
            WriteMessageFields(json, message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary><c>read_seq, unread, last_seq</c>.</summary>
    public static void WriteMark(Utf8JsonWriter json, Marked mark)
    {
        json.WriteNumber("read_seq"u8, mark.ReadSeq);
        json.WriteNumber("unread"u8, mark.Unread);
        json.WriteNumber("last_seq"u8, mark.LastSeq);
    }

    /// <summary><c>items:[{room_id, id, seq, …}], has_more, cursor</c>.</summary>
    public static void WriteSearch(Utf8JsonWriter json, SearchEvent found)
    {
        json.WriteStartArray("items"u8);
        foreach (var item in found.Items)
        {
            json.WriteStartObject();
            json.WriteString("room_id"u8, item.RoomId);
            WriteMessageFields(json, item.Message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, found.HasMore);
        if (found.Cursor > 0)
        {
            json.WriteString("cursor"u8, found.Cursor.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary><c>[{room_id, epoch, seq, read_seq, unread, role}]</c>.</summary>
    public static void WriteRooms(Utf8JsonWriter json, IReadOnlyList<RoomSummary> rooms)
    {
        json.WriteStartArray("rooms"u8);
        foreach (var room in rooms)
        {
            json.WriteStartObject();
            json.WriteString("room_id"u8, room.RoomId);
            json.WriteString("epoch"u8, room.Epoch);
            json.WriteNumber("seq"u8, room.Seq);
            json.WriteNumber("read_seq"u8, room.ReadSeq);
            json.WriteNumber("unread"u8, room.Unread);
            WriteOptional(json, "role"u8, room.Role);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The fields of a message in its current state, without the braces.</summary>
    public static void WriteMessageFields(Utf8JsonWriter json, Message message)
    {
        WriteMessageFields(
            json, message.MessageId, message.Seq, message.UserId, message.Username, message.Content, message.CreatedAtMs,
            message.ClientMsgId, message.ReplyTo, message.Metadata.Span);
        WriteOptional(json, "thread_root"u8, message.ThreadRoot);
        if (message.UpdatedSeq > message.Seq)
        {
            WriteChanges(json, message);
        }
    }

    private static void WriteChanges(Utf8JsonWriter json, Message message)
    {
        json.WriteNumber("updated_seq"u8, message.UpdatedSeq);
        json.WriteNumber("version"u8, message.Version);
        WriteOptionalTime(json, "edited_at"u8, message.EditedAtMs);
        WriteOptionalTime(json, "deleted_at"u8, message.DeletedAtMs);
        WriteOptional(json, "deleted_by"u8, message.DeletedBy);
        if (message.PinnedSeq > 0)
        {
            json.WriteBoolean("pinned"u8, true);
            json.WriteNumber("pinned_seq"u8, message.PinnedSeq);
            WriteOptionalTime(json, "pinned_at"u8, message.PinnedAtMs);
            WriteOptional(json, "pinned_by"u8, message.PinnedBy);
        }

        if (message.ReplyCount > 0)
        {
            json.WriteNumber("reply_count"u8, message.ReplyCount);
            WriteOptionalTime(json, "last_reply_at"u8, message.LastReplyAtMs);
        }

        if (message.Reactions.Count > 0)
        {
            WriteReactions(json, message.Reactions);
        }
    }

    private static void WriteReactions(Utf8JsonWriter json, IReadOnlyList<Reaction> reactions)
    {
        json.WriteStartArray("reactions"u8);
        foreach (var reaction in reactions)
        {
            json.WriteStartObject();
            json.WriteString("emoji"u8, reaction.Emoji);
            json.WriteNumber("count"u8, reaction.Count);
            json.WriteStartArray("user_ids"u8);
            foreach (var userId in reaction.UserIds)
            {
                json.WriteStringValue(userId);
            }

            json.WriteEndArray();
            json.WriteBoolean("me"u8, reaction.Me);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
