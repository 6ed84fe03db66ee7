using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Messages.Partitions;

/// <summary>Tells all nodes, and the other replicas, which partitions this replica owns since when: at once when it took one, then again and again, so that a node
/// that missed it, or is new, knows a little later.</summary>
internal sealed partial class OwnerAnnouncer(
    [FromKeyedServices(MessageServiceSetup.Service)] Replicas replicas, OwnedPartitions owned, Takeovers takeovers, ILiveBus bus,
    ProcessIdentity identity, ILogger<OwnerAnnouncer> logger) : BackgroundService
{
    /// <summary>Time between announcements.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await takeovers.WaitAsync(stoppingToken);
                await AnnounceAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task AnnounceAsync(CancellationToken cancellationToken)
    {
        // The replicas first: whatever nodes hear, the one that owns a partition by then has heard, too.
        replicas.Beat(owned.Taken());
        var batch = new NodeBatch { From = identity.Id };
        batch.Owners.AddRange(owned.Owned());
        if (batch.Owners.Count == 0)
        {
            return;
        }

        try
        {
            await bus.SendToAllNodesAsync(batch, cancellationToken);
        }
        catch (BusUnavailableException exception)
        {
            LogNotAnnounced(exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Owned partitions were not announced; they are again in a few seconds")]
    private partial void LogNotAnnounced(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Partitions are no longer announced")]
    private partial void LogStopped();
}
