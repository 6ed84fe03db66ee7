using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;

namespace Tertulia.Connections.Sessions;

/// <summary>Once a second, one look at every session: whether the client is there, has caught up, and still may be here.</summary>
internal sealed partial class Heartbeat(
    SessionRegistry registry, TokenExpiry expiry, IOptions<HeartbeatOptions> options, IOptions<OutboxOptions> outbox, TimeProvider time,
    ILogger<Heartbeat> logger) : BackgroundService
{
    private static readonly TimeSpan RoundInterval = TimeSpan.FromSeconds(1);

    /// <summary>One round.</summary>
    internal void Look()
    {
        using var batch = DeliveryBatch.Begin();
        foreach (var session in registry.Sessions)
        {
            try
            {
                Look(session);
            }
            catch (Exception exception)
            {
                LogFailed(exception, session.ConnectionId); // An edge: the other sessions must not suffer.
            }
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(RoundInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Look();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // What is still open ends with the host.
        }
    }

    private void Look(Session session)
    {
        if (session.HasMissed && session.Outbox.WaitingBytes < outbox.Value.SoftLimitBytes / 2)
        {
            session.TellMissed(); // The writer may have caught up in the moment in which the room found the client behind.
        }

        if (session.Caller is { } caller)
        {
            expiry.Look(session, caller);
        }

        switch (session.Watch.Look(session.TakeHeard() || session.Outbox.HoldsClientBack, options.Value.Interval, options.Value.Timeout, time))
        {
            case Silence.Ping:
                session.Send(AreYouThereEvent.Instance);
                break;
            case Silence.Dead:
                session.Close(CloseCode.HeartbeatTimeout, "no heartbeat");
                break;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Looking after connection {ConnectionId} failed")]
    private partial void LogFailed(Exception exception, string connectionId);
}
