using Tertulia.Connections.Auth;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;

namespace Tertulia.Connections.Notifying;

/// <summary><c>notifications</c>: a page of the inbox.</summary>
internal sealed class NotificationsHandler(NotificationFlow notifications) : CallerHandler<NotificationsCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, NotificationsCommand command) => notifications.StartPage(session, caller, command);
}

/// <summary><c>notification_read</c>.</summary>
internal sealed class NotificationReadHandler(NotificationFlow notifications) : CallerHandler<NotificationReadCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, NotificationReadCommand command)
    {
        var ways = (command.Ids is { Count: > 0 } ? 1 : 0) + (command.UpToUseq is null ? 0 : 1) + (command.All ? 1 : 0);
        if (ways == 1)
        {
            notifications.StartRead(session, caller, command);
        }
        else
        {
            Refuse(session, command, "one of ids, up_to_useq and all is needed");
        }
    }
}
