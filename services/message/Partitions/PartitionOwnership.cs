using System.Collections.Concurrent;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Partitions;

/// <summary>Receives the commands of the nodes and decides which partitions this replica writes: those that rendezvous hashing gives to it.</summary>
/// <remarks>
/// Nodes follow the largest owner epoch, which the store gives out. So a replica that took a partition gets its commands, and whoever still holds it
/// under an older epoch gets none; what was on the way to them is sent again by the nodes. While two replicas write the same room
/// for a moment, the log's primary key keeps one order.
/// </remarks>
internal sealed partial class PartitionOwnership(
    [FromKeyedServices(MessageServiceSetup.Service)] Replicas replicas, ISubmitQueue queue, SubmitConsumer consumer, OwnedPartitions owned,
    StoreStart store, ProcessIdentity identity, TimeProvider time, ILogger<PartitionOwnership> logger) : BackgroundService
{
    /// <summary>How often the replicas are looked at when nothing is said to have changed.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly bool[] _held = new bool[owned.Count]; // As the flush loop was asked.
    private readonly ConcurrentQueue<int> _superseded = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var pulse = new Pulse(time, Interval);
        replicas.Changed += pulse.Signal;
        replicas.Heard += OnHeard;
        IAsyncDisposable? reception = null;
        try
        {
            await store.Initialized.WaitAsync(stoppingToken);
            reception = await queue.ReceiveAsync(identity.Id, ReceiveAsync, RestoredAsync, stoppingToken);
            while (true)
            {
                await ReconcileAsync();
                await pulse.WaitAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await GiveUpAllAsync();
        }
        finally
        {
            replicas.Changed -= pulse.Signal;
            replicas.Heard -= OnHeard;
            if (reception is not null)
            {
                await reception.DisposeAsync();
            }
        }
    }

    private ValueTask ReceiveAsync(SubmitBatch batch) => consumer.Work.WriteAsync(new FlushWork(batch));

    // What waited in the queue is lost. Under a newer epoch the nodes send it again, before anything that comes after it.
    private async ValueTask RestoredAsync()
    {
        LogRestored();
        for (var partition = 0; partition < _held.Length; partition++)
        {
            if (Volatile.Read(ref _held[partition]))
            {
                await MoveAsync(partition, take: true);
            }
        }
    }

    // Another replica has taken what this one still holds, because it took it for dead or had not heard of it yet: nodes follow that one now.
    private void OnHeard(ReplicaHeartbeat heartbeat)
    {
        foreach (var other in heartbeat.Owners)
        {
            if (other.Partition < owned.Count && owned.EpochOf((int)other.Partition) is > 0 and var epoch && epoch < other.OwnerEpoch)
            {
                _superseded.Enqueue((int)other.Partition);
            }
        }
    }

    private async Task ReconcileAsync()
    {
        HashSet<int> superseded = [];
        while (_superseded.TryDequeue(out var partition))
        {
            superseded.Add(partition);
        }

        var live = replicas.Live;
        for (var partition = 0; partition < _held.Length; partition++)
        {
            var mine = Rendezvous.OwnerOf($"partition-{partition}", live) == identity.Id;
            if (mine != _held[partition] || (mine && superseded.Contains(partition)))
            {
                Volatile.Write(ref _held[partition], mine);
                await MoveAsync(partition, mine);
            }
        }
    }

    private async Task GiveUpAllAsync()
    {
        for (var partition = 0; partition < _held.Length; partition++)
        {
            if (_held[partition])
            {
                Volatile.Write(ref _held[partition], false);
                await MoveAsync(partition, take: false);
            }
        }

        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await consumer.Work.WriteAsync(new FlushWork(Batch: null, Settled: settled));
        await settled.Task;
    }

    private ValueTask MoveAsync(int partition, bool take) =>
        consumer.Work.WriteAsync(new FlushWork(Batch: null, new PartitionMove(partition, take)), CancellationToken.None);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica's queue was lost and is there again: its partitions are taken again")]
    private partial void LogRestored();
}
