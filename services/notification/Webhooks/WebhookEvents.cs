using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Webhooks;

/// <summary>Something that webhooks are told.</summary>
/// <param name="Id">The same whenever it is told again.</param>
/// <param name="Type">As in <see cref="WebhookEvents.Types"/>.</param>
/// <param name="RoomId">Where; empty when it is of a user.</param>
/// <param name="Body">The JSON that is posted.</param>
/// <param name="CreatedAtMs">When, Unix milliseconds.</param>
/// <param name="UserId">Whose, when it is of a user and no room.</param>
internal sealed record WebhookEvent(string Id, string Type, string RoomId, string Body, long CreatedAtMs, string UserId = "")
{
    /// <summary>What is told in order: all of a room, all of a user. No room's id begins with <c>@</c>.</summary>
    public string Lane => UserId.Length > 0 ? $"@{UserId}" : RoomId;
}

/// <summary>Events as they are posted: those of the feed, and those of presence.</summary>
internal static class WebhookEvents
{
    public const string RoomOccupied = "room.occupied";
    public const string RoomVacated = "room.vacated";
    public const string UserOnline = "user.online";
    public const string UserOffline = "user.offline";

    /// <summary>All types.</summary>
    public static readonly IReadOnlySet<string> Types = new HashSet<string>(StringComparer.Ordinal)
    {
        "message.created", "message.changed", "message.deleted", "member.added", "member.removed", "member.changed",
        RoomOccupied, RoomVacated, UserOnline, UserOffline,
    };

    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <returns>Null when webhooks are not told of it.</returns>
    public static WebhookEvent? Of(string epoch, string roomId, RoomEvent entry)
    {
        if (TypeOf(entry) is not { } type)
        {
            return null;
        }

        var id = string.Create(CultureInfo.InvariantCulture, $"{epoch}:{roomId}:{entry.Seq}");
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Json))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, id);
            json.WriteString("type"u8, type);
            json.WriteString("timestamp"u8, Time(entry.CreatedAtMs));
            json.WriteStartObject("data"u8);
            json.WriteString("room_id"u8, roomId);
            json.WriteNumber("seq"u8, entry.Seq);
            WriteData(json, entry);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return new WebhookEvent(id, type, roomId, Encoding.UTF8.GetString(buffer.WrittenSpan), entry.CreatedAtMs);
    }

    /// <summary>A room has users or none, a user is online or not.</summary>
    /// <param name="id">The same whenever it is told again.</param>
    /// <param name="one">Who, or which room.</param>
    /// <param name="isPresent">Occupied, or online.</param>
    /// <param name="atMs">Since when, Unix milliseconds.</param>
    public static WebhookEvent OfPresence(string id, PresenceSubject one, bool isPresent, long atMs)
    {
        var type = one.IsRoom ? (isPresent ? RoomOccupied : RoomVacated) : isPresent ? UserOnline : UserOffline;
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Json))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, id);
            json.WriteString("type"u8, type);
            json.WriteString("timestamp"u8, Time(atMs));
            json.WriteStartObject("data"u8);
            json.WriteString(one.IsRoom ? "room_id"u8 : "user_id"u8, one.Id);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return new WebhookEvent(id, type, one.IsRoom ? one.Id : "", Encoding.UTF8.GetString(buffer.WrittenSpan), atMs, one.IsRoom ? "" : one.Id);
    }

    private static string? TypeOf(RoomEvent entry) => entry.BodyCase switch
    {
        RoomEvent.BodyOneofCase.Message => "message.created",
        RoomEvent.BodyOneofCase.Edited => "message.changed",
        RoomEvent.BodyOneofCase.Deleted => "message.deleted",
        RoomEvent.BodyOneofCase.Member => entry.Member.Action switch
        {
            MemberAction.Unspecified or MemberAction.Enter or MemberAction.Add or MemberAction.Accept => "member.added",
            MemberAction.Remove or MemberAction.Leave or MemberAction.Kick or MemberAction.Ban => "member.removed",
            _ => "member.changed",
        },
        _ => null,
    };

    private static void WriteData(Utf8JsonWriter json, RoomEvent entry)
    {
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Message:
                json.WriteString("message_id"u8, entry.Message.MessageId);
                WriteOptional(json, "client_msg_id"u8, entry.Message.ClientMsgId);
                WriteCause(json, entry);
                json.WriteString("content"u8, entry.Message.Content);
                WriteOptional(json, "reply_to"u8, entry.Message.ReplyTo);
                if (!entry.Message.Metadata.IsEmpty)
                {
                    json.WritePropertyName("metadata"u8);
                    json.WriteRawValue(entry.Message.Metadata.Span);
                }

                break;
            case RoomEvent.BodyOneofCase.Edited:
                json.WriteString("message_id"u8, entry.Edited.MessageId);
                json.WriteNumber("message_seq"u8, entry.Edited.MessageSeq);
                json.WriteString("author_id"u8, entry.Edited.AuthorId);
                WriteCause(json, entry);
                json.WriteString("content"u8, entry.Edited.Content);
                json.WriteNumber("version"u8, entry.Edited.Version);
                break;
            case RoomEvent.BodyOneofCase.Deleted:
                json.WriteString("message_id"u8, entry.Deleted.MessageId);
                json.WriteNumber("message_seq"u8, entry.Deleted.MessageSeq);
                json.WriteString("author_id"u8, entry.Deleted.AuthorId);
                WriteCause(json, entry);
                break;
            case RoomEvent.BodyOneofCase.Member:
                var member = entry.Member;
                json.WriteString("user_id"u8, member.UserId);
                WriteOptional(json, "username"u8, member.Username);
                json.WriteString("action"u8, (member.Action == MemberAction.Unspecified ? MemberAction.Enter : member.Action).ToString().ToLowerInvariant());
                WriteOptional(json, "role"u8, member.Role);
                json.WriteString("by"u8, entry.UserId);
                WriteOptional(json, "reason"u8, member.Reason);
                json.WriteNumber("members"u8, member.Members);
                break;
        }
    }

    private static void WriteCause(Utf8JsonWriter json, RoomEvent entry)
    {
        json.WriteString("user_id"u8, entry.UserId);
        WriteOptional(json, "username"u8, entry.Username);
    }

    private static void WriteOptional(Utf8JsonWriter json, ReadOnlySpan<byte> name, string value)
    {
        if (value.Length > 0)
        {
            json.WriteString(name, value);
        }
    }

    private static string Time(long unixMs) =>
        DateTimeOffset.FromUnixTimeMilliseconds(unixMs).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
