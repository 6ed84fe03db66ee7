using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Users;
using Tertulia.Contracts;

namespace Tertulia.Connections.Notifying;

/// <summary>The user is told of something.</summary>
/// <param name="Notification">Of what.</param>
internal sealed record NotificationEvent(Notification Notification) : ServerEvent(DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => 256 + (2 * (Notification.Title.Length + Notification.Body.Length));
}

/// <summary>How many notifications the user has not read.</summary>
/// <param name="Unread">Of the inbox.</param>
/// <param name="Ref">Of the command that asked; null when none did.</param>
internal sealed record NotificationCountEvent(uint Unread, string? Ref = null) : ServerEvent(DeliveryClass.Control);

/// <summary>Notifications are read, or gone, on all devices.</summary>
/// <param name="Read">Which ones.</param>
/// <param name="Ref">Of the command that did it, on the device that sent it; else null.</param>
internal sealed record NotificationReadEvent(NotificationsRead Read, string? Ref = null) : ServerEvent(DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => 128 + (96 * Read.NotificationIds.Count);
}

/// <summary>A page of the user's inbox.</summary>
/// <param name="Page">Newest first: those that fit.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record NotificationsEvent(Inbox Page, string? Ref = null) : ServerEvent(DeliveryClass.Control)
{
    private const int RoomForOthers = 4 * 1024;

    /// <inheritdoc />
    public override int HeldBytes => 128 + (2 * Page.CalculateSize());

    /// <summary>As many as fit into an event: the rest is another page.</summary>
    public static Inbox Fit(Inbox page)
    {
        var bytes = RoomForOthers;
        for (var taken = 0; taken < page.Notifications.Count; taken++)
        {
            bytes += SizeOf(page.Notifications[taken]);
            if (bytes > MaxBytes && taken > 0)
            {
                var fitting = new Inbox { HasMore = true, Unread = page.Unread, LastUseq = page.LastUseq };
                fitting.Notifications.AddRange(page.Notifications.Take(taken));
                return fitting;
            }
        }

        return page;
    }

    private static int SizeOf(Notification notification) =>
        EventSize.Overhead + EventSize.Of(notification.Title) + EventSize.Of(notification.Body) + EventSize.Of(notification.Link) + EventSize.Of(notification.Username)
        + EventSize.Of(notification.UserId) + EventSize.Of(notification.RoomId);
}

internal sealed class NotificationView : IUserEventHandler
{
    public UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.Notification;

    public void Handle(UserEvent told, ReadOnlySpan<Session> sessions)
    {
        var shown = new NotificationEvent(told.Notification); // Once for all that may see it.
        foreach (var session in sessions)
        {
            if (session.Caller is { } caller)
            {
                var seen = ShownNotifications.To(caller, told.Notification);
                session.Send(ReferenceEquals(seen, told.Notification) ? shown : new NotificationEvent(seen));
            }
        }
    }
}

internal sealed class NotificationCountView : UserEventView
{
    public override UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.NotificationCount;

    protected override ServerEvent Show(UserEvent told) => new NotificationCountEvent(told.NotificationCount.Unread);
}

internal sealed class NotificationReadView : UserEventView
{
    public override UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.NotificationsRead;

    protected override ServerEvent Show(UserEvent told) => new NotificationReadEvent(told.NotificationsRead);
}
