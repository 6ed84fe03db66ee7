using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Flushing;

/// <summary>The flush loops of this process. They share the partitions among them, and nothing else: one that waits for its store call holds up no other.</summary>
internal sealed class FlushLoops : BackgroundService
{
    private readonly FlushLoop[] _loops;
    private readonly Publisher[] _publishers;
    private readonly OwnedPartitions _owned;

    public FlushLoops(
        IMessageStore store, IRoomReads reads, VerbRegistry verbs, FlushDecider decider, MarkWriter marks, Takeovers takeovers, OwnedPartitions owned, ILiveBus bus, ISubmitQueue queue,
        ProcessIdentity identity, Telemetry telemetry, IOptions<SendOptions> options, IOptions<RoomOptions> rooms, TimeProvider time, ILoggerFactory loggers)
    {
        _owned = owned;
        telemetry.Observe(owned);
        var count = CountFor(options.Value.FlushLoops, Environment.ProcessorCount, owned.Count);
        _publishers = [.. Enumerable.Range(0, count).Select(_ => new Publisher(bus, queue, identity, telemetry, time, loggers.CreateLogger<Publisher>()))];
        _loops = [.. Enumerable.Range(0, count).Select(index => new FlushLoop(
            new LoopShare(index, count), store, reads, verbs, decider, _publishers[index], marks, takeovers, owned, telemetry, options, rooms, time, loggers))];
    }

    /// <summary>How many loops there are.</summary>
    /// <remarks>Each divides the work into smaller flushes, which cost more per message, and a loop is far from busy while the processors are: it waits for its
    /// store. So one loop for every four processors.</remarks>
    /// <param name="configured">The option; 0 leaves it to the number of processors.</param>
    /// <param name="processors">Processors of the machine.</param>
    /// <param name="partitions">Partitions of the cluster: more loops would have nothing to do.</param>
    public static int CountFor(int configured, int processors, int partitions) =>
        Math.Min(partitions, configured > 0 ? configured : Math.Clamp(processors / 4, 1, SendOptions.MaxFlushLoops));

    /// <summary>Adds commands of a node. One caller at a time, in the order of the replica's queue.</summary>
    public ValueTask AddAsync(SubmitBatch batch)
    {
        if (_loops.Length == 1)
        {
            return _loops[0].AddAsync(batch);
        }

        // Every loop that owns one of the batch's partitions gets all of it, and passes over the commands of the others.
        var concerned = 0UL;
        foreach (var owner in batch.Owners)
        {
            concerned |= 1UL << LoopShare.LoopOf((int)owner.Partition, _loops.Length);
        }

        return AddAsync(batch, concerned);
    }

    /// <summary>Has a partition taken or given up, when all that waits before it is done.</summary>
    public void Move(int partition, bool take) =>
        _loops[LoopShare.LoopOf(partition, _loops.Length)].Add(new FlushWork(Move: new PartitionMove(partition, take)));

    /// <summary>Has every loop look at what has become due.</summary>
    public void Tick()
    {
        foreach (var loop in _loops)
        {
            loop.Add(default);
        }
    }

    /// <summary>Has commands of this service itself carried out, whose outcome is seen in the store.</summary>
    /// <param name="partition">Of their rooms. When this replica does not own it, nothing is done.</param>
    /// <param name="commands">At most a page: they wait in memory.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Completes when they and all before them are written and published.</returns>
    public Task RunAsync(int partition, IReadOnlyCollection<Command> commands, CancellationToken cancellationToken)
    {
        var batch = new SubmitBatch { Owners = { new PartitionOwner { Partition = (uint)partition, OwnerEpoch = _owned.EpochOf(partition) } }, Again = true };
        batch.Commands.AddRange(commands);
        var loop = _loops[LoopShare.LoopOf(partition, _loops.Length)];
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Add(new FlushWork(batch));
        loop.Add(new FlushWork(Settled: done));
        return done.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Completes when all that waits now is written and published.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        var settled = _loops.Select(loop =>
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            loop.Add(new FlushWork(Settled: done));
            return done.Task;
        });
        await Task.WhenAll(settled.ToArray()).WaitAsync(cancellationToken);
    }

    /// <summary>After the partitions were given up: nothing waits any more.</summary>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var loop in _loops)
        {
            loop.Complete();
        }

        return base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        foreach (var loop in _loops)
        {
            loop.Dispose();
        }

        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task[] running =
        [
            .. _loops.Select(loop => loop.RunAsync(stoppingToken)), .. _publishers.Select(publisher => publisher.RunAsync(stoppingToken)),
        ];
        await foreach (var ended in Task.WhenEach(running))
        {
            await ended; // One that fails ends the process: its partitions would have no writer.
        }
    }

    private async ValueTask AddAsync(SubmitBatch batch, ulong concerned)
    {
        for (var index = 0; index < _loops.Length; index++)
        {
            if ((concerned & (1UL << index)) != 0)
            {
                await _loops[index].AddAsync(batch);
            }
        }
    }
}
