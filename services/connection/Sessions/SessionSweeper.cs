using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Doors;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>The clock of all that came through a door, also of who is refused there: one loop looks once a second who takes nothing, does not answer a
/// close, or does not say who it is.</summary>
internal sealed class SessionSweeper(UserRates rates, IOptions<SocketOptions> options, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private const int SweepsPerRateSweep = 30;

    private readonly ConcurrentDictionary<Session, long> _openedAt = new();

    /// <summary>A door has opened: it is looked at until <see cref="Remove"/>.</summary>
    public void Add(Session session) => _openedAt.TryAdd(session, time.GetTimestamp());

    /// <summary>Its transport is gone.</summary>
    public void Remove(Session session) => _openedAt.TryRemove(session, out _);

    /// <summary>One look at all of them.</summary>
    internal void Sweep()
    {
        foreach (var (session, openedAt) in _openedAt)
        {
            session.Outbox.Sweep();
            if (session.Caller is null && !session.Outbox.IsClosing && time.GetElapsedTime(openedAt) >= options.Value.AuthTimeout)
            {
                session.Send(new ErrorEvent(ErrorCode.AuthRequired));
                session.Close(CloseCode.AuthTimeout, "no token in time");
            }
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            for (var sweep = 1; await timer.WaitForNextTickAsync(stoppingToken); sweep++)
            {
                Sweep();
                if (sweep % SweepsPerRateSweep == 0)
                {
                    rates.Sweep();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The server cuts what is still open.
        }
    }
}
