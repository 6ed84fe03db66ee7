using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Notifying;

/// <summary>Notifications as far as a token may see them: of a room that it may not read there is the notification, without what it says.</summary>
/// <remarks>It is not left out, because a client takes a hole in <c>useq</c> for a loss.</remarks>
internal static class ShownNotifications
{
    /// <summary>A page. The same one when all of it may be seen.</summary>
    public static Inbox To(Caller caller, Inbox page)
    {
        if (caller.IsPrivileged || page.Notifications.All(notification => MaySee(caller, notification)))
        {
            return page;
        }

        var shown = new Inbox { HasMore = page.HasMore, Unread = page.Unread, LastUseq = page.LastUseq };
        shown.Notifications.AddRange(page.Notifications.Select(notification => To(caller, notification)));
        return shown;
    }

    /// <summary>One. The same one when it may be seen.</summary>
    public static Notification To(Caller caller, Notification notification) => MaySee(caller, notification) ? notification : new Notification
    {
        NotificationId = notification.NotificationId, Useq = notification.Useq, Kind = notification.Kind, CreatedAtMs = notification.CreatedAtMs,
        Read = notification.Read,
    };

    // A digest names rooms.
    private static bool MaySee(Caller caller, Notification notification) =>
        MayRead(caller, notification.RoomId) && notification.Rooms.All(room => MayRead(caller, room.RoomId));

    private static bool MayRead(Caller caller, string roomId) => roomId.Length == 0 || caller.MayRead(roomId);
}
