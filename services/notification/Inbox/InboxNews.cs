using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Inbox;

/// <summary>Tells the users' devices what changed in their inboxes.</summary>
/// <remarks>At most once: a device that misses something sees a hole in <c>useq</c>, or reads the inbox when it is back.</remarks>
internal sealed partial class InboxNews(UserEventSender sender, LateInboxes late, ILogger<InboxNews> logger)
{
    /// <summary>Told after the transaction.</summary>
    public async Task TellAsync(IReadOnlyCollection<Made> made, IReadOnlyCollection<Ended> ended, CancellationToken cancellationToken, string exceptConnectionId = "")
    {
        List<UserEvent> events = [];
        foreach (var one in made)
        {
            events.Add(new UserEvent { UserId = one.UserId, Notification = one.Item });
        }

        foreach (var user in made.GroupBy(one => one.UserId))
        {
            events.Add(new UserEvent { UserId = user.Key, NotificationCount = new NotificationCount { Unread = user.Last().Unread } });
        }

        foreach (var one in ended)
        {
            events.Add(new UserEvent { UserId = one.UserId, ExceptConnectionId = exceptConnectionId, NotificationsRead = one.What });
            events.Add(new UserEvent { UserId = one.UserId, NotificationCount = new NotificationCount { Unread = one.What.Unread } });
        }

        await SendAsync(events, cancellationToken);
    }

    /// <summary>A user has read a thread, or chose to follow it or not.</summary>
    public Task TellAsync(string userId, ThreadUnread thread, CancellationToken cancellationToken) =>
        SendAsync([new UserEvent { UserId = userId, ThreadUnread = thread }], cancellationToken);

    private async Task SendAsync(List<UserEvent> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0)
        {
            return;
        }

        try
        {
            late.Add(events, await sender.SendAsync(events, cancellationToken));
        }
        catch (Exception exception) when (exception is BusUnavailableException or MessageTooLargeException)
        {
            LogNotTold(exception, events.Count);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Events} events of inboxes were not told to devices; they read their inbox when they are back")]
    private partial void LogNotTold(Exception exception, int events);
}
