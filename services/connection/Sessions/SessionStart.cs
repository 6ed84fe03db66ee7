using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Users;

namespace Tertulia.Connections.Sessions;

/// <summary>The beginning of a session whose user is known: presence is told, and it is greeted.</summary>
internal sealed partial class SessionStart(UserSessions users, PresenceReporter reporter, JoinFlow joins, Greeting greeting, NotificationFlow notifications, ILogger<SessionFlow> logger)
{
    /// <summary>Starts; answers come through the outbox.</summary>
    public void Start(Session session, Caller caller)
    {
        LogOpened(session.ConnectionId, caller.UserId);
        users.Add(session, caller.UserId); // Before presence knows of it: what is sent here from then on finds it.
        reporter.Open(session.ConnectionId, caller.UserId, caller.Username);
        if (session.Opening.RoomId is { } roomId)
        {
            joins.Enter(session, caller, roomId, new Entrance(Reference: null, session.Opening.Since, Entrance.DefaultHistory, Greets: true));
        }
        else if (session.Opening.IsForNotifications)
        {
            session.Calls.Start(() => notifications.GreetAsync(session, caller));
        }
        else
        {
            session.Calls.Start(() => greeting.GreetAsync(session, caller));
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection {ConnectionId} of {UserId} is open")]
    private partial void LogOpened(string connectionId, string userId);
}
