using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Gateway.Draining;

/// <summary>Before the server stops: the nodes tell this gateway's clients to go to another one, and it waits until they went.</summary>
/// <remarks>The gateway sees a WebSocket as opaque bytes and cannot close it politely; the nodes can. Readiness fails already, but what is
/// in front needs a moment to notice, so that new sockets are still forwarded, and then moved in the next round.</remarks>
internal sealed partial class DrainOnStop(
    OpenSockets sockets, NodeCalls nodes, IOptions<DrainOptions> options, TimeProvider time, ILogger<DrainOnStop> logger)
    : IHostedLifecycleService
{
    private const int ReconnectsPerSecond = 500; // What one gateway's clients may do to the others together.
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestSpread = TimeSpan.FromSeconds(1);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        var grace = options.Value.Grace;
        LogDraining(sockets.Count, grace);
        using var end = new CancellationTokenSource(grace, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(end.Token, cancellationToken);
        try
        {
            await MoveAllAsync(grace, ended.Token);
            LogDrained();
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            LogGraceEnded(sockets.Count);
            sockets.CutAll(); // Else the server waits for them for the rest of the host's own time.
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task MoveAllAsync(TimeSpan grace, CancellationToken cancellationToken)
    {
        var told = -1L;
        while (sockets.Count > 0)
        {
            // At most half of the grace to spread the reconnections over: the other half is for the slow ones. Who was told already is not told again.
            var opened = sockets.Opened;
            if (opened != told && await nodes.MoveClientsAsync(Spread(sockets.Count, grace / 2), cancellationToken))
            {
                told = opened;
            }

            try
            {
                await sockets.NoneAsync().WaitAsync(Round < grace / 4 ? Round : grace / 4, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                continue;
            }
        }
    }

    private static TimeSpan Spread(int count, TimeSpan longest)
    {
        var spread = TimeSpan.FromSeconds((double)count / ReconnectsPerSecond);
        return TimeSpan.FromTicks(Math.Min(Math.Max(spread.Ticks, ShortestSpread.Ticks), longest.Ticks));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Draining {Sockets} sockets within {Grace}")]
    private partial void LogDraining(int sockets, TimeSpan grace);

    [LoggerMessage(Level = LogLevel.Information, Message = "All sockets have left")]
    private partial void LogDrained();

    [LoggerMessage(Level = LogLevel.Warning, Message = "The grace ended with {Sockets} sockets open: they are cut")]
    private partial void LogGraceEnded(int sockets);
}
