using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Users;
using Tertulia.Connections.Verbs;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>From the beginning of a session to its end: each command goes to its handler, when the session's and the user's allowance has room for it.</summary>
internal sealed partial class SessionFlow(
    IEnumerable<ICommandHandler> handlers, SessionRegistry registry, SessionMover mover, SessionStart start, JoinFlow joins, PresenceReporter reporter, UserSessions users,
    PresenceFlow presence,
    UserRates rates, IOptions<LimitOptions> limits, TimeProvider time, ILogger<SessionFlow> logger) : ISessionFlow
{
    private readonly FrozenDictionary<Type, ICommandHandler> _handlers = handlers.ToFrozenDictionary(handler => handler.Command);
    private readonly LimitOptions _limits = limits.Value;

    /// <inheritdoc />
    public ValueTask OpenedAsync(Session session, CancellationToken cancellationToken)
    {
        session.Outbox.Drained = session.TellMissed;
        registry.Add(session);
        if (session.Caller is { } caller)
        {
            start.Start(session, caller);
        }

        mover.OnOpened(session);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public ValueTask OnCommandAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        var handler = _handlers[command.GetType()];
        return Allows(session, command, handler.Allowance) ? handler.HandleAsync(session, command, cancellationToken) : ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public async ValueTask ClosedAsync(Session session)
    {
        reporter.Close(session.ConnectionId); // First: it says all of its rooms at once.
        if (session.Caller is { } caller)
        {
            users.Remove(session, caller.UserId);
        }

        foreach (var member in session.Rooms.Values)
        {
            joins.Leave(member);
        }

        await session.DisposeAsync();
        presence.OnClosed(session);
        registry.Remove(session);
        LogClosed(session.ConnectionId);
    }

    /// <returns>False when the client was told that it is too fast, or is closed because it was told often enough.</returns>
    private bool Allows(Session session, ClientCommand command, Allowance allowance)
    {
        int retryAfterMs;
        var allowed = (allowance, session.Caller) switch
        {
            (Allowance.Free, _) or (_, null) => session.Rates.TryFree(_limits, time, out retryAfterMs),
            (Allowance.Move, _) => session.Rates.TryMove(_limits, time, out retryAfterMs),
            (_, { } caller) => rates.TryTake(caller.UserId, out retryAfterMs),
        };
        if (allowed)
        {
            return true;
        }

        if (session.Rates.IsFlood(_limits, time))
        {
            session.Close(CloseCode.RateLimited, "flood");
        }
        else
        {
            session.Send(new ErrorEvent(ErrorCode.RateLimited, Ref: command.Ref, RetryAfterMs: retryAfterMs, RoomId: (command as RoomCommand)?.RoomId));
        }

        return false;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection {ConnectionId} is closed")]
    private partial void LogClosed(string connectionId);
}
