using System.Threading.Channels;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Sql;

namespace Tertulia.Feed;

/// <summary>Follows the feed: replicas share the partitions, and what is handled moves the stored mark.</summary>
/// <remarks>Two replicas may follow a partition for a moment: only one of them can move its mark, the other begins again from where that one came to.
/// Hints over the bus wake it; without them it looks once a second.</remarks>
/// <param name="name">Of the follower, in logs and in the sharing of the partitions.</param>
/// <param name="partitions">Of the cluster.</param>
/// <param name="ready">Completes when the handler's store can be used.</param>
/// <param name="source">Where the feed is read.</param>
/// <param name="handler">What is done with it.</param>
/// <param name="replicas">Those who share the partitions.</param>
/// <param name="bus">Where hints come from.</param>
/// <param name="replicaId">Of this process.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
public sealed partial class FeedFollower(
    string name, int partitions, Func<Task> ready, IFeedSource source, IFeedHandler handler, Replicas replicas, ILiveBus bus, string replicaId, TimeProvider time,
    ILogger<FeedFollower> logger) : BackgroundService
{
    /// <summary>Time between two looks at every partition, when no hint comes.</summary>
    public static readonly TimeSpan IdleInterval = TimeSpan.FromSeconds(1);

    private const int PageEntries = 500;
    private const int PartitionsInRequest = 16;
    private const int Attempts = 3; // Of an entry alone, before it is left out.

    private readonly Dictionary<int, Followed> _followed = [];
    private readonly bool[] _hinted = new bool[partitions];
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ready().WaitAsync(stoppingToken);
            await using var hints = await bus.ReceiveFeedHintsAsync($"{name}.{replicaId}", OnHintAsync, stoppingToken);
            await using var look = time.CreateTimer(_ => HintAll(), null, IdleInterval, IdleInterval);
            replicas.Changed += HintAll;
            HintAll();
            await FollowAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped(name); // What was not handled is handled by another replica, or the next start.
        }
        finally
        {
            replicas.Changed -= HintAll;
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time);
        while (await _wake.Reader.WaitToReadAsync(cancellationToken))
        {
            _wake.Reader.TryRead(out _);
            try
            {
                if (await RoundAsync(cancellationToken))
                {
                    Wake();
                }

                backoff = new Backoff(time);
            }
            catch (Exception exception) when (exception is StoreUnavailableException or RpcException)
            {
                LogWaits(exception, name);
                await WaitAsync(backoff, cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                LogFailed(exception, name);
                await WaitAsync(backoff, cancellationToken);
            }
        }
    }

    // What was under way may have been done: the marks are read again.
    private async Task WaitAsync(Backoff backoff, CancellationToken cancellationToken)
    {
        foreach (var followed in _followed.Values)
        {
            followed.Mark = null;
        }

        await backoff.WaitAsync(cancellationToken);
        HintAll();
    }

    /// <summary>One page of every partition that has news.</summary>
    /// <returns>True when there is more.</returns>
    private async Task<bool> RoundAsync(CancellationToken cancellationToken)
    {
        var due = new List<Followed>();
        for (var partition = 0; partition < partitions; partition++)
        {
            if (!replicas.Owns($"{name}:{partition}"))
            {
                _followed.Remove(partition);
            }
            else if (Interlocked.Exchange(ref _hinted[partition], false) | (_followed.TryGetValue(partition, out var followed) && followed.HasMore))
            {
                followed ??= _followed[partition] = new Followed(partition);
                followed.Mark ??= await handler.OpenAsync(partition, cancellationToken);
                due.Add(followed);
            }
        }

        foreach (var alone in due.Where(followed => followed.Alone > 0).ToArray())
        {
            due.Remove(alone);
            await ReadAsync([alone], limit: 1, cancellationToken);
        }

        foreach (var part in due.Chunk(PartitionsInRequest))
        {
            await ReadAsync(part, PageEntries, cancellationToken);
        }

        return _followed.Values.Any(followed => followed.HasMore);
    }

    private async Task ReadAsync(IReadOnlyCollection<Followed> due, uint limit, CancellationToken cancellationToken)
    {
        var request = new ReadFeedRequest { Limit = limit };
        foreach (var followed in due)
        {
            followed.HasMore = true; // Until it is read: a failure leaves it due.
            var mark = followed.Mark!.Value;
            request.Partitions.Add(new FollowedPartition
            {
                Partition = (uint)followed.Partition, Epoch = mark.Epoch, From = new FeedCursor { OwnerEpoch = mark.OwnerEpoch, Flush = mark.Flush, Entry = mark.Entry },
            });
        }

        var reply = await source.ReadAsync(request, cancellationToken);
        foreach (var page in reply.Pages)
        {
            await HandleAsync(_followed[(int)page.Partition], page, cancellationToken);
        }
    }

    private async Task HandleAsync(Followed followed, FollowedPage read, CancellationToken cancellationToken)
    {
        var from = followed.Mark!.Value;
        var page = new FeedBatch(followed.Partition, from, new FeedMark(read.Epoch, read.Next.OwnerEpoch, read.Next.Flush, read.Next.Entry), read.Entries);
        if (page.To == from)
        {
            (followed.HasMore, followed.Alone) = (read.HasMore, 0);
            return;
        }

        if (from.Epoch.Length > 0 && from.Epoch != read.Epoch)
        {
            LogAnew(name, followed.Partition, from.Epoch, read.Epoch);
        }

        bool isMoved;
        try
        {
            isMoved = await handler.HandleAsync(page, cancellationToken);
        }
        catch (Exception exception) when (exception is not (StoreUnavailableException or RpcException) && !cancellationToken.IsCancellationRequested)
        {
            if (page.Entries.Count != 1 || followed.Alone == 0 || ++followed.Failures < Attempts)
            {
                followed.Alone = Math.Max(followed.Alone, page.Entries.Count);
                throw;
            }

            LogLeftOut(exception, name, followed.Partition, page.Entries[0].RoomId, page.Entries[0].Event.Seq);
            isMoved = await handler.HandleAsync(page with { Entries = [] }, cancellationToken);
        }

        followed.Mark = isMoved ? page.To : null;
        followed.HasMore = read.HasMore || !isMoved;
        followed.Alone = Math.Max(0, followed.Alone - 1);
        followed.Failures = 0;
    }

    private ValueTask OnHintAsync(FeedHint hint)
    {
        foreach (var partition in hint.Partitions)
        {
            if (partition < _hinted.Length)
            {
                Volatile.Write(ref _hinted[partition], true);
            }
        }

        Wake();
        return ValueTask.CompletedTask;
    }

    private void HintAll()
    {
        for (var partition = 0; partition < _hinted.Length; partition++)
        {
            Volatile.Write(ref _hinted[partition], true);
        }

        Wake();
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Follower} waits: the feed or its own store does not answer")]
    private partial void LogWaits(Exception exception, string follower);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Follower} could not handle what it read; it tries again, one entry at a time")]
    private partial void LogFailed(Exception exception, string follower);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Follower}, partition {Partition}: an entry of {RoomId}, seq {Seq}, fails every time and is left out")]
    private partial void LogLeftOut(Exception exception, string follower, int partition, string roomId, long seq);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Follower}, partition {Partition}: the store of epoch {Before} is now {Epoch}; all it holds is followed again")]
    private partial void LogAnew(string follower, int partition, string before, string epoch);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Follower} stops")]
    private partial void LogStopped(string follower);

    /// <summary>A partition that this replica follows. Of the loop only.</summary>
    private sealed class Followed(int partition)
    {
        public int Partition { get; } = partition;

        /// <summary>Null: to be read.</summary>
        public FeedMark? Mark { get; set; }

        public bool HasMore { get; set; }

        /// <summary>Entries that are read one by one, because a page with them failed.</summary>
        public int Alone { get; set; }

        /// <summary>Of the entry that is read alone.</summary>
        public int Failures { get; set; }
    }
}
