using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>The flush loop: takes all that waits, decides it, writes it at once and hands it to the publisher. The only writer of room state.</summary>
/// <remarks>
/// While one flush is being written the next one gathers, and while one is being published the next one is written: no timer, no lookup
/// before a write. Rooms, members and subscribers in memory belong to this loop alone. Nothing is acknowledged before it is published, so
/// that whatever happens in between is done again by whoever gets the batch next, with the same result.
/// </remarks>
internal sealed partial class SubmitConsumer : BackgroundService
{
    // Deliveries are bounded by the adapters, this only by memory: when it is full, the queues wait.
    private const int WaitingDeliveries = 4096;
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
    private readonly List<PartitionLane> _ended = [];
    private readonly List<RoomState> _lostANode = [];
    private readonly Channel<LaneItem> _work = Channel.CreateBounded<LaneItem>(
        new BoundedChannelOptions(WaitingDeliveries) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private long _trimmedAt;

    public SubmitConsumer(
        IMessageStore store, FlushDecider decider, RoomCache rooms, RecentKeys recent, Publisher publisher, Takeovers takeovers,
        Telemetry telemetry, IOptions<SendOptions> options, TimeProvider time, ILogger<SubmitConsumer> logger)
    {
        (_store, _decider, _rooms, _recent, _publisher, _takeovers) = (store, decider, rooms, recent, publisher, takeovers);
        (_telemetry, _time, _logger) = (telemetry, time, logger);
        _loader = new FlushLoader(store, rooms);
        _maxCommands = options.Value.FlushCommands;
        _trimmedAt = time.GetTimestamp();
    }

    /// <summary>Where the lanes put what they receive.</summary>
    public ChannelWriter<LaneItem> Work => _work.Writer;

    /// <summary>After the lanes have ended: nothing waits any more.</summary>
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
                // Lanes begin only when the store is initialised, and with it the epoch.
                flush ??= new Flush(_store.Epoch);
                Collect(flush);
                await ActivateAsync(flush, stoppingToken);
                await RunAsync(flush, stoppingToken);
                await EndLanesAsync(flush.Number, stoppingToken);
                Trim();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private void Collect(Flush flush)
    {
        flush.Reset();
        var commands = 0;
        while (commands < _maxCommands && _work.Reader.TryRead(out var item))
        {
            if (item.Delivery is null)
            {
                _ended.Add(item.Lane);
            }
            else if (!item.Lane.IsGone)
            {
                flush.Deliveries.Add(item);
                commands += item.Delivery.Batch.Commands.Count;
            }
        }
    }

    /// <summary>A lane's first delivery proves that it is the active one: from here on this replica is the partition's writer.</summary>
    private async Task ActivateAsync(Flush flush, CancellationToken cancellationToken)
    {
        foreach (var (lane, _) in flush.Deliveries)
        {
            var backoff = new Backoff(_time);
            while (lane is { OwnerEpoch: 0, IsGone: false })
            {
                try
                {
                    var epoch = await _store.TakePartitionAsync(lane.Partition, _time.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken);
                    _rooms.Drop(lane.Partition);
                    lane.Activate(epoch);
                    _takeovers.Signal();
                    LogTaken(lane.Partition);
                }
                catch (StoreUnavailableException exception)
                {
                    LogUnavailable(exception, flush.Deliveries.Count);
                    await backoff.WaitAsync(cancellationToken);
                }
            }
        }

        flush.Deliveries.RemoveAll(item => item.Lane.OwnerEpoch == 0);
    }

    private async Task RunAsync(Flush flush, CancellationToken cancellationToken)
    {
        if (flush.Deliveries.Count == 0)
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
            if (flush.Deliveries.Count > 1)
            {
                LogDivided(exception, flush.Deliveries.Count);
                await RunOneByOneAsync(flush, cancellationToken);
                return;
            }

            if (flush.Deliveries.Count == 0)
            {
                return; // Their lanes are gone.
            }

            LogPoison(exception, flush.Deliveries[0].Lane.Partition);
            flush.ResetDecisions(0);
            RefuseAll(flush);
            flush.Poison[0] = exception.GetType().Name;
        }

        RemoveGoneNodes(flush);
        await _publisher.Outgoing.WriteAsync(flush.Seal(), cancellationToken);
    }

    /// <summary>One of the deliveries cannot be written: the others must not wait for it.</summary>
    private async Task RunOneByOneAsync(Flush flush, CancellationToken cancellationToken)
    {
        foreach (var item in flush.Deliveries.ToArray())
        {
            flush.Reset();
            flush.Deliveries.Add(item);
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
                LogUnavailable(exception, flush.Deliveries.Count);
                await backoff.WaitAsync(cancellationToken);
            }

            // Who is gone meanwhile does not wait for the store: the next owner gets it again.
            if (flush.Deliveries.Exists(item => item.Lane.IsGone))
            {
                FlushLoader.Unload(flush);
                flush.Deliveries.RemoveAll(item => item.Lane.IsGone);
                isDecided = false;
            }
        }
    }

    private async Task<bool> AppendAsync(Flush flush, CancellationToken cancellationToken)
    {
        if (flush.Entries.Count > 0)
        {
            var started = _time.GetTimestamp();
            if (await _store.AppendAsync(flush.Entries, cancellationToken) == AppendOutcome.Conflict)
            {
                return false;
            }

            _telemetry.Appended(flush.Entries.Count, flush.Commands.Count, _time.GetElapsedTime(started));
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

    private async Task EndLanesAsync(long flushNumber, CancellationToken cancellationToken)
    {
        if (_ended.Count == 0)
        {
            return;
        }

        var last = new Outgoing(flushNumber, [], [], []);
        foreach (var lane in _ended)
        {
            _rooms.Drop(lane.Partition);
            last.Ended.Add(lane);
        }

        _ended.Clear();
        await _publisher.Outgoing.WriteAsync(last, cancellationToken);
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
