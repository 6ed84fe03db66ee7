using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Users;

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

internal sealed class NotificationView : UserEventView
{
    public override UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.Notification;

    protected override ServerEvent Show(UserEvent told) => new NotificationEvent(told.Notification);
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
