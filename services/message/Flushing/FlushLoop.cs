using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Flushing;

/// <summary>Takes all that waits for its partitions, decides it, writes it at once and hands it to its publisher. The only writer of these rooms.</summary>
/// <remarks>
/// While one flush is being written the next one gathers, and while one is being published the next one is written; no lookup
/// before a write. Rooms, members and subscribers in memory belong to this loop alone. A node keeps every command until it hears of its
/// outcome: what is lost here in between is sent again to the partition's owner, with the same result.
/// </remarks>
internal sealed partial class FlushLoop : IDisposable
{
    /// <summary>Places for batches that wait: one for each batch, and one more for every <see cref="PlaceBytes"/> of it, so that 64 MiB wait at most. When there
    /// is none the replica's queue waits, and when that is full nodes are refused.</summary>
    public const int WaitingPlaces = 512;

    /// <summary>Bytes of a batch that take a place.</summary>
    public const int PlaceBytes = 128 * 1024;

    /// <summary>How long the replica's queue waits for a loop that takes nothing, because its store call hangs. Then what comes for this loop is dropped, so that the
    /// other loops go on; it is sent again when the loop has taken its partitions again.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // What a gateway has gathered comes through all nodes at once, give or take the time they need for it.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(10);
    private const int LooksAtOnce = 500;

    private readonly IMessageStore _store;
    private readonly FlushLoader _loader;
    private readonly FlushWriter _writer;
    private readonly RoomCache _rooms;
    private readonly RecentKeys _recent;
    private readonly SecondLooks _looks;
    private readonly Publisher _publisher;
    private readonly MarkWriter _marks;
    private readonly Takeovers _takeovers;
    private readonly Telemetry _telemetry;
    private readonly TimeProvider _time;
    private readonly ILogger<FlushLoop> _logger;
    private readonly int _maxCommands;
    private readonly LoopShare _share;
    private readonly OwnedPartitions _owned;
    private readonly Pacer _pacer;
    private readonly Flush _flush;
    private readonly List<RoomState> _lostANode = [];
    private readonly List<RoomState> _due = [];
    private readonly SemaphoreSlim _places = new(WaitingPlaces);

    // Unbounded, because only batches are many, and each of them holds places.
    private readonly Channel<FlushWork> _work;
    private string _epoch = "";
    private long _trimmedAt;
    private volatile bool _hasDropped;

    public FlushLoop(
        LoopShare share, IMessageStore store, IRoomReads reads, VerbRegistry verbs, FlushDecider decider, Publisher publisher, MarkWriter marks, Takeovers takeovers, OwnedPartitions owned,
        Telemetry telemetry, IOptions<SendOptions> options, IOptions<RoomOptions> rooms, TimeProvider time, ILoggerFactory loggers)
    {
        (_share, _store, _publisher, _marks, _takeovers, _telemetry, _owned, _time) = (share, store, publisher, marks, takeovers, telemetry, owned, time);
        _logger = loggers.CreateLogger<FlushLoop>();
        _rooms = new RoomCache(owned.Count, rooms.Value.CachedRooms / share.Loops, rooms.Value.CachedMembers / share.Loops);
        _recent = new RecentKeys(options.Value.RecentKeys / share.Loops);
        _looks = new SecondLooks(owned);
        _loader = new FlushLoader(store, verbs, _rooms, owned, share, _looks, reads, time);
        _writer = new FlushWriter(store, _loader, decider, _rooms, _looks, owned, telemetry, time, loggers.CreateLogger<FlushWriter>());
        _pacer = new Pacer(options.Value.FlushPace, TimeProvider.System, CpuGauge.Machine, Gather); // Not the clock of a test: it is about this machine.
        _flush = new Flush(owned, _recent);

        // A loop that is alone goes on, when it is idle, on the thread that adds; it gives it back when it waits for the store. With others that thread receives for all of them.
        _work = Channel.CreateUnbounded<FlushWork>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = share.Loops == 1 });
        _maxCommands = options.Value.FlushCommands;
        _trimmedAt = time.GetTimestamp();
    }

    /// <summary>Adds commands of a node. One caller at a time, in the order of the replica's queue.</summary>
    public ValueTask AddAsync(SubmitBatch batch)
    {
        if (_hasDropped)
        {
            return ValueTask.CompletedTask; // Nothing may come before what was dropped.
        }

        var places = Math.Min(WaitingPlaces, 1 + (batch.CalculateSize() / PlaceBytes)); // More than there are would never come.
        for (var taken = 0; taken < places; taken++)
        {
            if (!_places.Wait(0, CancellationToken.None))
            {
                return new ValueTask(WaitAsync(batch, places, taken));
            }
        }

        _work.Writer.TryWrite(new FlushWork(batch, places));
        return ValueTask.CompletedTask;
    }

    /// <summary>Adds what is not a batch: it is done when all before it is.</summary>
    public void Add(FlushWork work) => _work.Writer.TryWrite(work);

    /// <summary>Nothing comes any more.</summary>
    public void Complete() => _work.Writer.TryComplete();

    /// <summary>Runs until nothing comes any more, or until it is stopped: then what is under way is left to the nodes.</summary>
    public async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _work.Reader.WaitToReadAsync(CancellationToken.None))
            {
                await _pacer.WaitAsync(stoppingToken);
                var change = Collect();
                await RunFlushAsync(stoppingToken);
                await HandleAsync(change, stoppingToken);
                await LookAgainAsync(stoppingToken);
                await FollowAsync(stoppingToken);
                Trim();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
        finally
        {
            _publisher.Complete();
        }
    }

    public void Dispose() => _places.Dispose();

    private async Task WaitAsync(SubmitBatch batch, int places, int taken)
    {
        for (; taken < places; taken++)
        {
            if (!await _places.WaitAsync(Patience, CancellationToken.None))
            {
                _hasDropped = true;
                if (taken > 0)
                {
                    _places.Release(taken);
                }

                LogDropped(Patience);
                return;
            }
        }

        _work.Writer.TryWrite(new FlushWork(batch, places));
    }

    /// <summary>Takes what waits, up to a change of what this replica owns.</summary>
    private FlushWork? Collect()
    {
        // Nothing comes before the store is initialised, and with it the epoch.
        _epoch = _epoch.Length > 0 ? _epoch : _store.Epoch;
        _flush.Begin(_epoch);
        var commands = 0;
        while (commands < _maxCommands && _work.Reader.TryRead(out var work))
        {
            if (work.Batch is not { } batch)
            {
                return work;
            }

            if (work.Places > 0)
            {
                _places.Release(work.Places);
            }

            _flush.Batches.Add(batch);
            commands += batch.Commands.Count;
        }

        _pacer.Took(commands);
        return null;
    }

    private async Task HandleAsync(FlushWork? change, CancellationToken cancellationToken)
    {
        switch (change)
        {
            case { Move: { Take: true } move }:
                await TakeAsync(move.Partition, cancellationToken);
                break;
            case { Move: { } move }:
                _owned.Release(move.Partition);
                _rooms.Drop(move.Partition);
                _looks.Forget(move.Partition);
                LogGivenUp(move.Partition);
                break;
            case { Settled: { } settled }:
                await _publisher.AddAsync(new Outgoing(_flush.Number) { Settled = settled }, cancellationToken);
                break;
        }
    }

    private async Task TakeAsync(int partition, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(_time);
        while (true)
        {
            try
            {
                // More than the last one under which this replica took it, which a store that went back has forgotten.
                var now = Math.Max(_time.GetUtcNow().ToUnixTimeMilliseconds(), _owned.LatestOf(partition) + 1);
                var epoch = await _store.TakePartitionAsync(partition, now, CancellationToken.None).WaitAsync(cancellationToken);
                _rooms.Drop(partition); // Another replica may have written its rooms.
                _looks.Forget(partition);
                _owned.Take(partition, epoch);
                _takeovers.Signal();
                _telemetry.PartitionsTaken.Add(1);
                LogTaken(partition);
                return;
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception);
                await backoff.WaitAsync(cancellationToken);
            }
        }
    }

    private async Task RunFlushAsync(CancellationToken cancellationToken)
    {
        if (_flush.Batches.Count == 0)
        {
            return;
        }

        try
        {
            _loader.Collect(_flush);
            if (FlushTrace.Begin(_flush) is { } trace)
            {
                await WriteTracedAsync(trace, cancellationToken);
            }
            else
            {
                await _writer.WriteAsync(_flush, cancellationToken);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            FlushLoader.Unload(_flush);
            if (_flush.Batches is [_, _, ..] or [{ Commands.Count: > 1 }])
            {
                LogDivided(exception, _flush.Batches.Sum(batch => batch.Commands.Count));
                await RunHalvesAsync(cancellationToken);
                return;
            }

            LogPoison(exception, _flush.Batches[0].NodeId);
            RefuseAll();
            _flush.Poison[0] = exception.GetType().Name;
        }

        RemoveGoneNodes();
        await PublishAsync(cancellationToken);
    }

    // Its steps and log lines belong to the span; that it is the current one ends with this method.
    private async Task WriteTracedAsync(Activity trace, CancellationToken cancellationToken)
    {
        _flush.Trace = Activity.Current = trace;
        try
        {
            await _writer.WriteAsync(_flush, cancellationToken);
        }
        catch (Exception exception)
        {
            Tracing.Fail(trace, exception.GetType().Name);
            throw;
        }
        finally
        {
            Tracing.End(trace);
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        var outgoing = _flush.Seal(_store.Epoch);
        if (_flush.Duplicates > 0)
        {
            _telemetry.Duplicates.Add(_flush.Duplicates);
        }

        if (_flush.Marks.Count > 0)
        {
            _marks.Add(_flush.Marks); // Only now: the entries that they may name are in the log.
            _flush.Marks.Clear();
        }

        if (!outgoing.IsEmpty)
        {
            await _publisher.AddAsync(outgoing, cancellationToken);
        }
    }

    /// <summary>One of the commands cannot be written: it is found by halves, so that the others neither fail with it nor wait for long.</summary>
    private async Task RunHalvesAsync(CancellationToken cancellationToken)
    {
        var batches = _flush.Batches is [var alone] ? Halves(alone) : [.. _flush.Batches];
        foreach (var half in batches.Chunk((batches.Length + 1) / 2))
        {
            _flush.Begin(_epoch);
            _flush.Batches.AddRange(half);
            await RunFlushAsync(cancellationToken);
        }
    }

    private static SubmitBatch[] Halves(SubmitBatch batch)
    {
        var header = new SubmitBatch(batch);
        header.Commands.Clear();
        var half = batch.Commands.Count / 2;
        var (first, second) = (header, header.Clone());
        first.Commands.AddRange(batch.Commands.Take(half));
        second.Commands.AddRange(batch.Commands.Skip(half));
        return [first, second];
    }

    private void RefuseAll()
    {
        var commands = _flush.Commands.ToArray();
        _flush.ResetDecisions();
        foreach (var submitted in commands)
        {
            _flush.Refuse(submitted, ErrorCode.Internal);
        }
    }

    /// <summary>Rooms that were read while an older owner may still have written them.</summary>
    private async Task LookAgainAsync(CancellationToken cancellationToken)
    {
        _due.Clear();
        _looks.Take(_due, LooksAtOnce);
        if (_due.Count == 0)
        {
            return;
        }

        _flush.Begin(_epoch);
        try
        {
            await _writer.LookAgainAsync(_flush, _due, cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            // They stay due.
            LogUnavailable(exception);
            _due.ForEach(_looks.Keep);
            return;
        }

        await PublishAsync(cancellationToken);
    }

    /// <summary>After the store got a new epoch, and after batches were dropped: everything is taken again, so that the nodes subscribe and send again.</summary>
    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        var epoch = _store.Epoch;
        var isNew = epoch != _epoch && _epoch.Length > 0;
        if (!isNew && !_hasDropped && !_publisher.HasDropped)
        {
            return;
        }

        if (isNew)
        {
            LogNewEpoch(epoch);
            _recent.Clear();
            _epoch = epoch;
        }

        // Before the take: what comes under the new owner epoch must find its way.
        _hasDropped = false;
        _publisher.HasDropped = false;
        for (var partition = 0; partition < _owned.Count; partition++)
        {
            if (_share.Has(partition) && _owned.EpochOf(partition) > 0)
            {
                await TakeAsync(partition, cancellationToken);
            }
        }
    }

    private void RemoveGoneNodes()
    {
        while (_publisher.GoneNodes.TryDequeue(out var gone))
        {
            if (_flush.IsGone(gone))
            {
                _rooms.RemoveNode(gone.NodeId, _lostANode);
            }
        }

        foreach (var room in _lostANode)
        {
            _flush.Touch(room);
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
