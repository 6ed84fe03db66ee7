using Tertulia.Connections.Events;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>Why clients are sent elsewhere.</summary>
/// <param name="Name">In <c>reconnect</c> and the close frame.</param>
/// <param name="Code">What those are closed with that do not leave by themselves.</param>
internal sealed record MoveReason(string Name, CloseCode Code)
{
    /// <summary>Their node or gateway goes away.</summary>
    public static readonly MoveReason Drain = new("drain", CloseCode.Draining);

    /// <summary>Their node has more than its share of the clients.</summary>
    public static readonly MoveReason Rebalance = new("rebalance", CloseCode.Rebalance);
}

/// <summary>Sends clients elsewhere without all of them coming back at once: <c>reconnect</c> with a delay of their own, then close 4001 or 4006.</summary>
internal sealed class SessionMover(Readiness readiness, TimeProvider time)
{
    /// <summary>Time a client has after its turn to leave by itself before it is closed.</summary>
    internal static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(1);

    private const int MaxTurns = 50;

    private readonly RunningTasks _moves = new();

    /// <summary>Moves some sessions.</summary>
    /// <param name="sessions">Whom.</param>
    /// <param name="within">Time over which their turns are spread.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellationToken">Ends the waiting: no more sessions are closed.</param>
    public async Task MoveAsync(IReadOnlyList<Session> sessions, TimeSpan within, MoveReason reason, CancellationToken cancellationToken)
    {
        if (sessions.Count == 0)
        {
            return;
        }

        var turns = Math.Min(MaxTurns, sessions.Count);
        var turn = within / turns;
        for (var index = 0; index < turns; index++)
        {
            var advice = new ReconnectEvent(reason.Name, (int)(turn * index).TotalMilliseconds, (int)turn.TotalMilliseconds);
            for (var next = index; next < sessions.Count; next += turns)
            {
                sessions[next].Send(advice);
            }
        }

        await Task.Delay(turn + Courtesy, time, cancellationToken);
        for (var index = 0; index < turns; index++)
        {
            for (var next = index; next < sessions.Count; next += turns)
            {
                sessions[next].Close(reason.Code, reason.Name);
            }

            if (index < turns - 1)
            {
                await Task.Delay(turn, time, cancellationToken);
            }
        }
    }

    /// <summary>Moves the sessions of a node or gateway that goes away, while the caller goes on.</summary>
    public void Start(IReadOnlyList<Session> sessions, TimeSpan within) => _moves.Start(() => MoveAsync(sessions, within, MoveReason.Drain, CancellationToken.None));

    /// <summary>A session has opened: a node that drains sends it on.</summary>
    public void OnOpened(Session session)
    {
        if (readiness.Draining)
        {
            Start([session], TimeSpan.Zero);
        }
    }

    /// <summary>Completes when no session is being moved.</summary>
    public Task WhenIdleAsync() => _moves.WhenIdleAsync();
}
