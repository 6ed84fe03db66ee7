using System.Collections.Concurrent;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Partitions;

/// <summary>Receives the commands of the nodes and decides which partitions this replica writes: those that rendezvous hashing gives to it.</summary>
/// <remarks>
/// Nodes follow the largest owner epoch, which the store gives out. So a replica that took a partition gets its commands, and a replica that still holds it
/// under an older epoch gets none; what was on the way to them is sent again by the nodes. While two replicas think that they own a partition,
/// the store refuses the append of the older owner epoch, and the log's primary key keeps one order in any case.
/// </remarks>
internal sealed partial class PartitionOwnership(
    [FromKeyedServices(MessageServiceSetup.Service)] Replicas replicas, ISubmitQueue queue, FlushLoops loops, OwnedPartitions owned,
    StoreStart<IMessageStore> store, ProcessIdentity identity, TimeProvider time, ILogger<PartitionOwnership> logger) : BackgroundService
{
    /// <summary>How often the replicas are looked at when nothing is said to have changed.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>How long stopping waits at most until what waits is written and published. What is not then is left to the nodes, which send it again.</summary>
    public static readonly TimeSpan SettleDeadline = TimeSpan.FromSeconds(5);

    private readonly bool[] _held = new bool[owned.Count]; // As the flush loops were asked.
    private readonly ConcurrentQueue<int> _superseded = [];
    private CancellationToken _hostGivesUp;

    /// <inheritdoc />
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _hostGivesUp = cancellationToken;
        return base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var pulse = new Pulse(time, Interval);
        replicas.Changed += pulse.Signal;
        replicas.Heard += OnHeard;
        owned.Lost += _superseded.Enqueue;
        IAsyncDisposable? reception = null;
        try
        {
            await store.Initialized.WaitAsync(stoppingToken);
            reception = await queue.ReceiveAsync(identity.Id, ReceiveAsync, RestoredAsync, stoppingToken);
            while (true)
            {
                Reconcile();
                loops.Tick();
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
            owned.Lost -= _superseded.Enqueue;
            if (reception is not null)
            {
                await reception.DisposeAsync();
            }
        }
    }

    private ValueTask ReceiveAsync(SubmitBatch batch) => loops.AddAsync(batch);

    // What waited in the queue is lost. Under a newer epoch the nodes send it again, before anything that comes after it.
    private ValueTask RestoredAsync()
    {
        LogRestored();
        for (var partition = 0; partition < _held.Length; partition++)
        {
            if (Volatile.Read(ref _held[partition]))
            {
                loops.Move(partition, take: true);
            }
        }

        return ValueTask.CompletedTask;
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

    private void Reconcile()
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
                loops.Move(partition, mine);
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
                loops.Move(partition, take: false);
            }
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_hostGivesUp);
        deadline.CancelAfter(SettleDeadline);
        try
        {
            await loops.SettleAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            LogNotSettled();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica's queue was lost and is there again: its partitions are taken again")]
    private partial void LogRestored();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopped before everything was written and published: the store or the broker does not answer. The nodes send it again")]
    private partial void LogNotSettled();
}
