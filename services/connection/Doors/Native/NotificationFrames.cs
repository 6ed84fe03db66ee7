using System.Text.Json;
using Tertulia.Connections.Users;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Notifications as frames (PROTOCOL §3).</summary>
internal static class NotificationFrames
{
    /// <summary>One for each kind of event.</summary>
    public static IReadOnlyList<NativeEncoder> All { get; } =
    [
        NativeEncoder.Json<NotificationEvent>(Notification),
        NativeEncoder.Json<NotificationCountEvent>(Count),
        NativeEncoder.Json<NotificationReadEvent>(Read),
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
        if (told.Read.UpToUseq > 0)
        {
            json.WriteNumber("up_to_useq"u8, told.Read.UpToUseq);
        }
        else
        {
            json.WriteStartArray("ids"u8);
            foreach (var id in told.Read.NotificationIds)
            {
                json.WriteStringValue(id);
            }

            json.WriteEndArray();
        }

        json.WriteNumber("unread"u8, told.Read.Unread);
        if (told.Read.Removed)
        {
            json.WriteBoolean("removed"u8, true);
        }

        return json;
    }
}
