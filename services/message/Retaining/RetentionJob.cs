using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Retaining;

/// <summary>Takes messages that are older than their room keeps them, and what deleted rooms held, out of the store. Each room is its partition's owner's business.</summary>
/// <remarks>An entry says from which seq on the room is kept (<see cref="TrimVerb"/>): nothing of before is shown from then on. Then its text goes, step by step. Whoever
/// dies in between: the store knows how far it came, and the next owner goes on.</remarks>
internal sealed partial class RetentionJob(
    MessageDatabase database, FlushLoops loops, OwnedPartitions owned, ISearchIndex index, StoreStart<IMessageStore> start, IOptions<RetentionOptions> options, TimeProvider time,
    ILogger<RetentionJob> logger) : BackgroundService
{
    private const int RoomsAtOnce = 500;

    private readonly int _step = options.Value.StepEntries;
    private readonly IRetention _retention = database.Retention;

    /// <summary>Looks at all rooms once.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer. What was done is done.</exception>
    public async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        Listed<RetainedRoom> page = new([], HasMore: true);
        while (page.HasMore)
        {
            page = await _retention.ListAsync(page.Items is [.., var last] ? last.RoomId : "", RoomsAtOnce, cancellationToken);
            foreach (var room in page.Items)
            {
                var partition = Partitioner.PartitionOf(room.RoomId, owned.Count);
                if (owned.EpochOf(partition) > 0)
                {
                    await (room.IsDeleted ? EmptyAsync(room, cancellationToken) : TrimAsync(room, partition, cancellationToken));
                }
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            using var timer = new PeriodicTimer(options.Value.Interval, time);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RunOnceAsync(cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            LogUnavailable(exception);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(exception); // An edge: it looks again.
        }
    }

    private async Task TrimAsync(RetainedRoom room, int partition, CancellationToken cancellationToken)
    {
        await EraseAsync(room.RoomId, room.ErasedSeq, room.FirstSeq, cancellationToken); // What an owner before this one may have left.
        var beforeMs = room.RetentionDays > 0 ? (time.GetUtcNow() - TimeSpan.FromDays(room.RetentionDays)).ToUnixTimeMilliseconds() : 0;
        for (var first = room.FirstSeq; owned.EpochOf(partition) > 0;)
        {
            var next = await _retention.FindFirstKeptAsync(room.RoomId, first, beforeMs, _step, cancellationToken);
            if (next == first)
            {
                return;
            }

            await loops.RunAsync(
                partition, [new Command { RoomId = room.RoomId, Actor = new Actor(), Trim = new TrimRoom { FirstSeq = next } }], cancellationToken);
            if (!await IsTrimmedAsync(room.RoomId, next, cancellationToken))
            {
                return; // Another replica writes the room now, and looks at it, too.
            }

            await EraseAsync(room.RoomId, first, next, cancellationToken);
            first = next;
        }
    }

    private async Task<bool> IsTrimmedAsync(string roomId, long firstSeq, CancellationToken cancellationToken) =>
        await _retention.FindAsync(roomId, cancellationToken) is { } room && room.FirstSeq >= firstSeq;

    private async Task EraseAsync(string roomId, long from, long to, CancellationToken cancellationToken)
    {
        while (from < to)
        {
            var next = Math.Min(to, from + _step);
            await _retention.EraseAsync(roomId, from, next, cancellationToken);
            from = next;
        }
    }

    private async Task EmptyAsync(RetainedRoom room, CancellationToken cancellationToken)
    {
        for (var from = room.ErasedSeq; from < long.MaxValue;)
        {
            var next = from + _step > room.LastSeq ? long.MaxValue : from + _step;
            await index.ForgetAsync(room.RoomId, next, cancellationToken);
            await _retention.EraseAsync(room.RoomId, from, next, cancellationToken);
            from = next;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Messages that are kept no longer are removed later: the store does not answer")]
    private partial void LogUnavailable(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Removing messages that are kept no longer failed; it is tried again")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Messages are no longer removed")]
    private partial void LogStopped();
}
