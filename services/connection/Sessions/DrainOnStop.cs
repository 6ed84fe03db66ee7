using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>The node leaves: while everything still works, its clients are moved, spread over time, and it waits until they are gone or the grace ends.</summary>
internal sealed partial class DrainOnStop(
    SessionRegistry registry, SessionMover mover, IOptions<DrainOptions> options, TimeProvider time, ILogger<DrainOnStop> logger)
    : IHostedLifecycleService
{
    private const int ReconnectsPerSecond = 500; // What one node's clients may do to the others together.
    private static readonly TimeSpan ShortestSpread = TimeSpan.FromSeconds(1);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Before any service stops, and before the server stops to listen.
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        using var end = new CancellationTokenSource(options.Value.Grace, time); // Its timer may fire while it is disposed of.
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, end.Token);
        var sessions = registry.Sessions.ToList();
        LogDraining(sessions.Count);
        try
        {
            await mover.MoveAsync(sessions, Spread(sessions.Count), MoveReason.Drain, grace.Token);
            await mover.WhenIdleAsync().WaitAsync(grace.Token);
            await registry.WhenEmptyAsync().WaitAsync(grace.Token);
            LogDrained();
        }
        catch (OperationCanceledException) when (grace.IsCancellationRequested)
        {
            LogGraceEnded(registry.Count);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private TimeSpan Spread(int count)
    {
        var spread = TimeSpan.FromSeconds((double)count / ReconnectsPerSecond);
        var longest = options.Value.Grace / 2;
        return spread > longest ? longest : spread < ShortestSpread ? TimeSpan.FromTicks(Math.Min(ShortestSpread.Ticks, longest.Ticks)) : spread;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Draining: {Count} connections are moved")]
    private partial void LogDraining(int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "Drained: all connections are gone")]
    private partial void LogDrained();

    [LoggerMessage(Level = LogLevel.Warning, Message = "The grace ended with {Count} connections open")]
    private partial void LogGraceEnded(int count);
}
