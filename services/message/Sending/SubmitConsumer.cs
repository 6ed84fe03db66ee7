using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>The flush loop: takes all that waits, decides it, writes it at once and hands it to the publisher. The only writer of room state.</summary>
/// <remarks>
/// While one flush is being written the next one gathers, and while one is being published the next one is written; no lookup
/// before a write. Rooms, members and subscribers in memory belong to this loop alone. A node keeps every command until it hears of its
/// outcome: what is lost here in between is sent again to whoever owns the partition then, with the same result.
/// </remarks>
internal sealed partial class SubmitConsumer : BackgroundService
{
    // When it is full the replica's queue waits, and when that is full nodes are refused.
    private const int WaitingBatches = 512;
    // What a gateway has gathered comes through all nodes at once, give or take the time they need for it.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(10);

    private readonly IMessageStore _store;
    private readonly FlushDecider _decider;
    private readonly FlushLoader _loader;
    private readonly RoomCache _rooms;
    private readonly RecentKeys _recent;
    private readonly Publisher _publisher;
    private readonly Takeovers _takeovers;
    private readonly Telemetry _telemetry;
    private readonly TimeProvider _time;
    private readonly ILogger<SubmitConsumer> _logger;
    private readonly int _maxCommands;
    private readonly OwnedPartitions _owned;
    private readonly Pacer _pacer;
    private readonly List<RoomState> _lostANode = [];
    private readonly Channel<FlushWork> _work = Channel.CreateBounded<FlushWork>(
        new BoundedChannelOptions(WaitingBatches) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait, AllowSynchronousContinuations = true });
    private long _trimmedAt;

    public SubmitConsumer(
        IMessageStore store, FlushDecider decider, RoomCache rooms, RecentKeys recent, Publisher publisher, Takeovers takeovers,
        OwnedPartitions owned, Telemetry telemetry, IOptions<SendOptions> options, TimeProvider time, ILogger<SubmitConsumer> logger)
    {
        (_store, _decider, _rooms, _recent, _publisher, _takeovers, _owned) = (store, decider, rooms, recent, publisher, takeovers, owned);
        (_telemetry, _time, _logger) = (telemetry, time, logger);
        _loader = new FlushLoader(store, rooms, owned);
        _pacer = new Pacer(options.Value.FlushPace, TimeProvider.System, CpuGauge.Machine, Gather); // Not the clock of a test: it is about this machine.
        _maxCommands = options.Value.FlushCommands;
        _trimmedAt = time.GetTimestamp();
    }

    /// <summary>What is to be done next.</summary>
    public ChannelWriter<FlushWork> Work => _work.Writer;

    /// <summary>After the partitions were given up: nothing waits any more.</summary>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _work.Writer.TryComplete();
        return base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Flush? flush = null;
        try
        {
            while (await _work.Reader.WaitToReadAsync(CancellationToken.None))
            {
                // Nothing comes before the store is initialised, and with it the epoch.
                flush ??= new Flush(_store.Epoch, _owned);
                await _pacer.WaitAsync(stoppingToken);
                var change = Collect(flush);
                await RunAsync(flush, stoppingToken);
                if (change is { Move: { } move })
                {
                    await MoveAsync(move, stoppingToken);
                }
                else if (change is { Settled: { } settled })
                {
                    await _publisher.Outgoing.WriteAsync(new Outgoing(flush.Number) { Settled = settled }, stoppingToken);
                }

                Trim();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <summary>Takes what waits, up to a change of what this replica owns.</summary>
    private FlushWork? Collect(Flush flush)
    {
        flush.Reset();
        var commands = 0;
        while (commands < _maxCommands && _work.Reader.TryRead(out var work))
        {
            if (work.Batch is not { } batch)
            {
                return work;
            }

            flush.Batches.Add(batch);
            commands += batch.Commands.Count;
        }

        _pacer.Took(commands);
        return null;
    }

    private async Task MoveAsync(PartitionMove move, CancellationToken cancellationToken)
    {
        if (!move.Take)
        {
            _owned.Release(move.Partition);
            _rooms.Drop(move.Partition);
            LogGivenUp(move.Partition);
            return;
        }

        var backoff = new Backoff(_time);
        while (true)
        {
            try
            {
                var now = Math.Max(_time.GetUtcNow().ToUnixTimeMilliseconds(), _owned.EpochOf(move.Partition) + 1);
                var epoch = await _store.TakePartitionAsync(move.Partition, now, cancellationToken);
                _rooms.Drop(move.Partition); // Another replica may have written its rooms.
                _owned.Take(move.Partition, epoch);
                _takeovers.Signal();
                LogTaken(move.Partition);
                return;
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception, 0);
                await backoff.WaitAsync(cancellationToken);
            }
        }
    }

    private async Task RunAsync(Flush flush, CancellationToken cancellationToken)
    {
        if (flush.Batches.Count == 0)
        {
            return;
        }

        try
        {
            await WriteAsync(flush, cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            FlushLoader.Unload(flush);
            if (flush.Batches.Count > 1)
            {
                LogDivided(exception, flush.Batches.Count);
                await RunOneByOneAsync(flush, cancellationToken);
                return;
            }

            LogPoison(exception, flush.Batches[0].NodeId);
            flush.ResetDecisions(0);
            RefuseAll(flush);
            flush.Poison[0] = exception.GetType().Name;
        }

        RemoveGoneNodes(flush);
        var outgoing = flush.Seal();
        if (!outgoing.IsEmpty)
        {
            await _publisher.Outgoing.WriteAsync(outgoing, cancellationToken);
        }
    }

    /// <summary>One of the batches cannot be written: the others must not wait for it.</summary>
    private async Task RunOneByOneAsync(Flush flush, CancellationToken cancellationToken)
    {
        foreach (var batch in flush.Batches.ToArray())
        {
            flush.Reset();
            flush.Batches.Add(batch);
            await RunAsync(flush, cancellationToken);
        }
    }

    /// <summary>Decides and appends until it is done. A conflict means that another writer, or an earlier attempt, was there: what it wrote is
    /// read and everything is decided again.</summary>
    private async Task WriteAsync(Flush flush, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(_time);
        var isDecided = false;
        for (var conflicts = 0; ;)
        {
            try
            {
                if (!isDecided)
                {
                    await _loader.LoadAsync(flush, cancellationToken);
                    _decider.Decide(flush);
                    isDecided = true;
                }

                if (await AppendAsync(flush, cancellationToken))
                {
                    return;
                }

                conflicts++;
                _telemetry.Conflicts.Add(1);
                await _loader.FindKnownAsync(flush, cancellationToken);
                FlushLoader.Unload(flush);
                isDecided = false;
                if (conflicts % 5 == 0)
                {
                    LogContended(conflicts);
                    await backoff.WaitAsync(cancellationToken);
                }
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception, flush.Batches.Count);
                await backoff.WaitAsync(cancellationToken);
            }
        }
    }

    private async Task<bool> AppendAsync(Flush flush, CancellationToken cancellationToken)
    {
        if (flush.Appends.Count > 0)
        {
            var started = _time.GetTimestamp();
            var outcomes = await _store.AppendAsync(flush.Appends, cancellationToken);
            if (Array.Exists(outcomes, outcome => outcome != AppendOutcome.Appended))
            {
                await LeaveToOwnersAsync(flush, outcomes, cancellationToken);
                return false; // Rooms that were appended are found by their keys.
            }

            _telemetry.Appended(flush.Appends.Sum(append => append.Entries.Count), flush.Commands.Count, _time.GetElapsedTime(started));
        }

        foreach (var (key, sent) in flush.Sent)
        {
            if (sent.Message.ClientMsgId.Length > 0) // Nobody sends again what has no id of its own.
            {
                _recent.Add(key, new StoredMessage(sent.Message.MessageId, sent.Seq, sent.CreatedAtMs));
            }
        }

        return true;
    }

    /// <summary>Commands for partitions of another owner, or of a store that does not know this one any more, are sent again by the nodes.</summary>
    private async Task LeaveToOwnersAsync(Flush flush, AppendOutcome[] outcomes, CancellationToken cancellationToken)
    {
        for (var i = 0; i < outcomes.Length; i++)
        {
            var partition = flush.Appends[i].Partition;
            if (outcomes[i] is AppendOutcome.NotOwner or AppendOutcome.WentBack && flush.Lost.Add(partition))
            {
                await (outcomes[i] == AppendOutcome.WentBack ? MoveAsync(new PartitionMove(partition, Take: true), cancellationToken) : Task.CompletedTask);
            }
        }
    }

    private static void RefuseAll(Flush flush)
    {
        foreach (var submitted in flush.Commands)
        {
            flush.Refuse(submitted, Contracts.ErrorCode.Internal);
        }
    }

    private void RemoveGoneNodes(Flush flush)
    {
        while (_publisher.GoneNodes.TryDequeue(out var gone))
        {
            if (flush.IsGone(gone))
            {
                _rooms.RemoveNode(gone.NodeId, _lostANode);
            }
        }

        foreach (var room in _lostANode)
        {
            flush.Touch(room);
        }

        _lostANode.Clear();
    }

    private void Trim()
    {
        if (_time.GetElapsedTime(_trimmedAt) > TrimInterval)
        {
            _rooms.Trim();
            _trimmedAt = _time.GetTimestamp();
        }
    }
}
