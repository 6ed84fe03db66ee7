using System.Text.Json;
using Tertulia.Connections.Notifying;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Notifications as frames (PROTOCOL §3).</summary>
internal static class NotificationFrames
{
    private const int MaxPage = 100;
    private const int MaxIds = 100;
    private const int MaxIdChars = 64;

    /// <summary>Client frames.</summary>
    public static IReadOnlyList<FrameType> Types { get; } =
    [
        new("notifications", static (ref FrameFields fields) => new NotificationsCommand
        {
            BeforeUseq = fields.Integer("before_useq", 1, FrameFields.MaxSeq),
            Limit = (int?)fields.Integer(Field.Limit, 0, MaxPage),
            UnreadOnly = fields.Flag("unread_only"),
        }),
        new("notification_read", static (ref FrameFields fields) => new NotificationReadCommand
        {
            Ids = fields.Ids("ids", MaxIds, MaxIdChars),
            UpToUseq = fields.Integer("up_to_useq", 1, FrameFields.MaxSeq),
            All = fields.Flag("all"),
        }),
    ];

    /// <summary>Server frames.</summary>
    public static IReadOnlyList<NativeEncoder> Encoders { get; } =
    [
        NativeEncoder.Json<NotificationEvent>(Notification),
        NativeEncoder.Json<NotificationCountEvent>(Count),
        NativeEncoder.Json<NotificationReadEvent>(Read),
        NativeEncoder.Json<NotificationsEvent>(Page),
    ];

    /// <summary>The fields of a notification, in an object that is open.</summary>
    public static void WriteFields(Utf8JsonWriter json, Notification notification)
    {
        json.WriteString("id"u8, notification.NotificationId);
        json.WriteNumber("useq"u8, notification.Useq);
        json.WriteString("kind"u8, notification.Kind);
        json.WriteString("title"u8, notification.Title);
        json.WriteString("body"u8, notification.Body);
        FrameJson.WriteOptional(json, "link"u8, notification.Link);
        FrameJson.WriteOptional(json, "sound"u8, notification.Sound);
        FrameJson.WriteTime(json, "created_at"u8, notification.CreatedAtMs);
        FrameJson.WriteOptional(json, "room_id"u8, notification.RoomId);
        FrameJson.WriteOptional(json, "message_id"u8, notification.MessageId);
        if (notification.Seq > 0)
        {
            json.WriteNumber("seq"u8, notification.Seq);
        }

        FrameJson.WriteOptional(json, "user_id"u8, notification.UserId);
        FrameJson.WriteOptional(json, "username"u8, notification.Username);
        json.WriteBoolean("read"u8, notification.Read);
        if (notification.Rooms.Count > 0)
        {
            json.WriteStartArray("rooms"u8);
            foreach (var room in notification.Rooms)
            {
                json.WriteStartObject();
                FrameJson.WriteOptional(json, "room_id"u8, room.RoomId);
                json.WriteString("name"u8, room.Name);
                json.WriteNumber("count"u8, room.Count);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    /// <summary>The fields of a page, in an object that is open.</summary>
    public static void WritePage(Utf8JsonWriter json, Inbox page)
    {
        json.WriteNumber("unread"u8, page.Unread);
        json.WriteNumber("last_useq"u8, page.LastUseq);
        json.WriteStartArray("items"u8);
        foreach (var notification in page.Notifications)
        {
            json.WriteStartObject();
            WriteFields(json, notification);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, page.HasMore);
    }

    private static Utf8JsonWriter Page(NotificationsEvent told)
    {
        var json = FrameJson.BeginData("notifications"u8, reference: told.Ref);
        WritePage(json, told.Page);
        return json;
    }

    private static Utf8JsonWriter Notification(NotificationEvent told)
    {
        var json = FrameJson.BeginData("notification"u8);
        WriteFields(json, told.Notification);
        return json;
    }

    private static Utf8JsonWriter Count(NotificationCountEvent count)
    {
        var json = FrameJson.BeginData("notification_count"u8, reference: count.Ref);
        json.WriteNumber("unread"u8, count.Unread);
        return json;
    }

    private static Utf8JsonWriter Read(NotificationReadEvent told)
    {
        var json = FrameJson.BeginData("notification_read"u8, reference: told.Ref);
        WriteRead(json, told.Read);
        return json;
    }

    /// <summary>The fields of what was read, in an object that is open.</summary>
    public static void WriteRead(Utf8JsonWriter json, NotificationsRead read)
    {
        if (read.UpToUseq > 0)
        {
            json.WriteNumber("up_to_useq"u8, read.UpToUseq);
        }
        else
        {
            json.WriteStartArray("ids"u8);
            foreach (var id in read.NotificationIds)
            {
                json.WriteStringValue(id);
            }

            json.WriteEndArray();
        }

        json.WriteNumber("unread"u8, read.Unread);
        if (read.Removed)
        {
            json.WriteBoolean("removed"u8, true);
        }
    }
}
