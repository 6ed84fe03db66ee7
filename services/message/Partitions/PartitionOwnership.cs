using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Partitions;

/// <summary>Consumes the partitions that rendezvous hashing gives to this replica, and only these.</summary>
/// <remarks>The broker's single active consumer is the first fence while replicas disagree, the log's primary key the second.</remarks>
internal sealed partial class PartitionOwnership(
    [FromKeyedServices(MessageServiceSetup.Service)] Replicas replicas, ISubmitQueue queue, SubmitConsumer consumer, StoreStart store,
    ProcessIdentity identity, IOptions<LiveBusOptions> options, TimeProvider time, ILogger<PartitionOwnership> logger) : BackgroundService
{
    /// <summary>How often a lane that has no delivery yet asks for one, and a failed registration is tried again.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly PartitionLane?[] _lanes = new PartitionLane?[options.Value.Partitions];

    /// <summary>The partitions this replica is the active consumer of, with their owner epochs.</summary>
    public IEnumerable<PartitionOwner> Owned()
    {
        for (var partition = 0; partition < _lanes.Length; partition++)
        {
            if (Volatile.Read(ref _lanes[partition]) is { IsGone: false, OwnerEpoch: > 0 } lane)
            {
                yield return new PartitionOwner { Partition = (uint)partition, OwnerEpoch = lane.OwnerEpoch };
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var pulse = new Pulse(time, Interval);
        replicas.Changed += pulse.Signal;
        try
        {
            await store.Initialized.WaitAsync(stoppingToken);
            while (true)
            {
                await ReconcileAsync(stoppingToken);
                await pulse.WaitAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAll(Enumerable.Range(0, _lanes.Length).Select(EndAsync));
        }
        finally
        {
            replicas.Changed -= pulse.Signal;
        }
    }

    private async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var live = replicas.Live;
        await Task.WhenAll(Enumerable.Range(0, _lanes.Length).Select(partition => ReconcileAsync(partition, live, cancellationToken)));
    }

    private async Task ReconcileAsync(int partition, IReadOnlyList<string> live, CancellationToken cancellationToken)
    {
        var mine = Rendezvous.OwnerOf($"partition-{partition}", live) == identity.Id;
        if (_lanes[partition] is { } current && (!mine || current.IsLost))
        {
            await EndAsync(partition);
        }

        if (!mine)
        {
            return;
        }

        try
        {
            if (_lanes[partition] is null)
            {
                var lane = new PartitionLane(partition, consumer.Work, time);
                await lane.StartAsync(queue, cancellationToken);
                Volatile.Write(ref _lanes[partition], lane);
            }

            if (_lanes[partition] is { OwnerEpoch: 0 })
            {
                // An idle partition would never prove who is active: whoever gets this is.
                await queue.PublishAsync(new SubmitBatch { Partition = (uint)partition, NodeId = identity.Id }, cancellationToken);
            }
        }
        catch (BusUnavailableException exception)
        {
            LogNoBroker(exception, partition);
        }
        catch (QueueFullException)
        {
            LogQueueFull(partition); // Then there is enough to be delivered without a marker.
        }
    }

    private async Task EndAsync(int partition)
    {
        if (_lanes[partition] is { } lane)
        {
            await lane.EndAsync();
            Volatile.Write(ref _lanes[partition], null);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Partition {Partition} cannot be consumed yet")]
    private partial void LogNoBroker(Exception exception, int partition);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Partition {Partition} is full")]
    private partial void LogQueueFull(int partition);
}
