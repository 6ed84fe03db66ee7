using System.Diagnostics;
using System.Runtime.ExceptionServices;
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
/// Hints over the bus wake it. A hint may be lost: therefore it also looks by itself (<see cref="LookPace"/>).</remarks>
/// <param name="name">Of the follower, in logs and in the sharing of the partitions.</param>
/// <param name="partitions">Of the cluster.</param>
/// <param name="ready">Completes when the handler's store can be used.</param>
/// <param name="source">Where the feed is read.</param>
/// <param name="handler">What is done with it.</param>
/// <param name="pace">How often it reads.</param>
/// <param name="replicas">Those who share the partitions.</param>
/// <param name="bus">Where hints come from.</param>
/// <param name="replicaId">Of this process.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
public sealed partial class FeedFollower(
    string name, int partitions, Func<Task> ready, IFeedSource source, IFeedHandler handler, FeedPace pace, Replicas replicas, ILiveBus bus, string replicaId, TimeProvider time,
    ILogger<FeedFollower> logger) : BackgroundService
{
    /// <summary>Longest time that the mark behind entries which came to nothing is not stored.</summary>
    public static readonly TimeSpan StoreMarksWithin = TimeSpan.FromSeconds(1);

    private const int PageEntries = 500;
    private const int PartitionsInRequest = 16;
    private const int Attempts = 3; // Of an entry alone, before it is left out.

    private readonly Dictionary<int, Followed> _followed = [];
    private readonly bool[] _hinted = new bool[partitions];
    private readonly FollowerLag _lag = new(name, time);
    private readonly LookPace _looks = new(time);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ready().WaitAsync(stoppingToken);
            using var observed = _lag.Observe();
            await using var hints = await bus.ReceiveFeedHintsAsync($"{name}.{replicaId}", OnHintAsync, OnHintsRestoredAsync, stoppingToken);
            await using var looks = _looks.Begin(Wake);
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
                var began = Stopwatch.GetTimestamp();
                var entries = await RoundAsync(cancellationToken);
                backoff = new Backoff(time);
                if (_followed.Values.Any(followed => followed.HasMore))
                {
                    Wake();
                }
                else if (entries > 0 && pace.Interval - Stopwatch.GetElapsedTime(began) is var wait && wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, cancellationToken); // By the machine's clock, not a test's: it is about its load.
                }
            }
            catch (Exception exception) when (exception is StoreUnavailableException or RpcException)
            {
                cancellationToken.ThrowIfCancellationRequested(); // A call that the stop has ended is no failure.
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
            followed.Forget();
        }

        await backoff.WaitAsync(cancellationToken);
        HintAll();
    }

    /// <summary>One page of every partition that has news.</summary>
    /// <returns>Entries that were read.</returns>
    private async Task<int> RoundAsync(CancellationToken cancellationToken)
    {
        var due = new List<Followed>();
        var isLook = _looks.TryTake();
        for (var partition = 0; partition < partitions; partition++)
        {
            if (!replicas.Owns($"{name}:{partition}"))
            {
                _followed.Remove(partition);
                _lag.Forget(partition);
                continue;
            }

            var followed = _followed.GetValueOrDefault(partition);
            var isTold = Interlocked.Exchange(ref _hinted[partition], false) | followed is { HasMore: true };
            if (isTold || isLook)
            {
                followed ??= _followed[partition] = new Followed(partition);
                followed.IsTold = isTold;
                if (followed.Mark is null)
                {
                    _lag.Begin(partition);
                    followed.Begin(await handler.OpenAsync(partition, cancellationToken));
                }

                due.Add(followed);
            }
        }

        await StoreMarksAsync(cancellationToken);
        var entries = 0;
        foreach (var alone in due.Where(followed => followed is { Alone: > 0, Mark: not null }).ToArray())
        {
            due.Remove(alone);
            entries += await ReadAsync([alone], limit: 1, cancellationToken);
        }

        foreach (var part in due.Where(followed => followed.Mark is not null).Chunk(PartitionsInRequest))
        {
            entries += await ReadAsync(part, PageEntries, cancellationToken);
        }

        if (_followed.Values.Any(followed => followed.MarkWaits))
        {
            _looks.Doubt(); // The next look stores them.
        }

        return entries;
    }

    /// <summary>What came to nothing a while ago need not be read again after a start.</summary>
    private async Task StoreMarksAsync(CancellationToken cancellationToken)
    {
        var waiting = _followed.Values.Where(followed => followed.IsStoreDue(StoreMarksWithin)).OrderBy(followed => followed.Partition).ToArray();
        if (waiting.Length == 0)
        {
            return;
        }

        FeedBatch[] batches = [.. waiting.Select(followed => new FeedBatch(followed.Partition, followed.Stored, followed.Mark!.Value, []))];
        var outcomes = await handler.HandleAsync(batches, cancellationToken);
        foreach (var (followed, outcome) in waiting.Zip(outcomes))
        {
            followed.OnStored(outcome);
        }
    }

    private async Task<int> ReadAsync(IReadOnlyCollection<Followed> due, uint limit, CancellationToken cancellationToken)
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
        var news = new List<News>();
        foreach (var page in reply.Pages)
        {
            var followed = _followed[(int)page.Partition];
            var to = new FeedMark(page.Epoch, page.Next.OwnerEpoch, page.Next.Flush, page.Next.Entry);
            if (to == followed.Mark && !handler.HasRest(followed.Partition))
            {
                (followed.HasMore, followed.Alone) = (page.HasMore, 0);
                NoteAtEnd(followed);
                continue;
            }

            if (followed.Stored.Epoch.Length > 0 && followed.Stored.Epoch != page.Epoch)
            {
                LogAnew(name, followed.Partition, followed.Stored.Epoch, page.Epoch);
            }

            if (!followed.IsTold && page.Entries.Count > 0)
            {
                _looks.Doubt(); // Its hint did not come, or not yet.
            }

            news.Add(new News(followed, new FeedBatch(followed.Partition, followed.Stored, to, page.Entries), page.HasMore));
        }

        news.Sort((one, other) => one.Batch.Partition.CompareTo(other.Batch.Partition));
        await HandleAsync(news, cancellationToken);
        return news.Sum(one => one.Batch.Entries.Count);
    }

    private async Task HandleAsync(List<News> news, CancellationToken cancellationToken)
    {
        if (news.Count > 1)
        {
            try
            {
                OnHandled(news, await handler.HandleAsync([.. news.Select(one => one.Batch)], cancellationToken));
                return;
            }
            catch (Exception exception) when (IsFault(exception, cancellationToken))
            {
                LogApart(exception, name); // One partition's fault holds up no other.
            }
        }

        ExceptionDispatchInfo? fault = null;
        foreach (var one in news)
        {
            try
            {
                OnHandled([one], await handler.HandleAsync([one.Batch], cancellationToken));
            }
            catch (Exception exception) when (IsFault(exception, cancellationToken))
            {
                fault = await OnFaultAsync(one, exception, cancellationToken) ?? fault;
            }
        }

        fault?.Throw();
    }

    /// <returns>Null when the entry was left out.</returns>
    private async Task<ExceptionDispatchInfo?> OnFaultAsync(News one, Exception exception, CancellationToken cancellationToken)
    {
        var (followed, batch) = (one.Followed, one.Batch);
        if (batch.Entries.Count != 1 || followed.Alone == 0 || ++followed.Failures < Attempts)
        {
            followed.Alone = Math.Max(followed.Alone, batch.Entries.Count);
            return ExceptionDispatchInfo.Capture(exception);
        }

        LogLeftOut(exception, name, followed.Partition, batch.Entries[0].RoomId, batch.Entries[0].Event.Seq);
        _lag.LeftOut();
        OnHandled([one], await handler.HandleAsync([batch with { Entries = [] }], cancellationToken));
        return null;
    }

    private void NoteAtEnd(Followed followed)
    {
        if (!followed.HasMore)
        {
            _lag.AtEnd(followed.Partition);
        }
    }

    private void OnHandled(List<News> news, FeedOutcome[] outcomes)
    {
        foreach (var (one, outcome) in news.Zip(outcomes))
        {
            one.Followed.OnHandled(one.Batch.To, outcome);
            one.Followed.HasMore = one.HasMore || outcome == FeedOutcome.Lost || handler.HasRest(one.Followed.Partition);
            one.Followed.Alone = Math.Max(0, one.Followed.Alone - 1);
            one.Followed.Failures = 0;
            _lag.Handled(one.Batch.Entries.Count);
            NoteAtEnd(one.Followed);
        }
    }

    private static bool IsFault(Exception exception, CancellationToken cancellationToken) =>
        exception is not (StoreUnavailableException or RpcException) && !cancellationToken.IsCancellationRequested;

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

    // What was said while there was no queue is lost.
    private ValueTask OnHintsRestoredAsync()
    {
        HintAll();
        return ValueTask.CompletedTask;
    }

    private void HintAll()
    {
        _looks.Doubt();
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

    [LoggerMessage(Level = LogLevel.Error, Message = "{Follower} could not handle what it read; it tries again, each partition by itself")]
    private partial void LogApart(Exception exception, string follower);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Follower}, partition {Partition}: an entry of {RoomId}, seq {Seq}, fails every time and is left out")]
    private partial void LogLeftOut(Exception exception, string follower, int partition, string roomId, long seq);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Follower}, partition {Partition}: the store of epoch {Before} is now {Epoch}; all it holds is followed again")]
    private partial void LogAnew(string follower, int partition, string before, string epoch);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Follower} stops")]
    private partial void LogStopped(string follower);

    /// <summary>What was read of a partition.</summary>
    private sealed record News(Followed Followed, FeedBatch Batch, bool HasMore);

    /// <summary>A partition that this replica follows. Of the loop only.</summary>
    private sealed class Followed(int partition)
    {
        private long _waitsSince;

        public int Partition { get; } = partition;

        /// <summary>Up to where it is handled. Null: the stored mark is to be read.</summary>
        public FeedMark? Mark { get; private set; }

        /// <summary>The mark that is stored: what came to nothing is handled, and not stored yet.</summary>
        public FeedMark Stored { get; private set; }

        public bool HasMore { get; set; }

        /// <summary>It is read because of a hint or of what was known to be left, not because of a look.</summary>
        public bool IsTold { get; set; }

        /// <summary>Entries that are read one by one, because a page with them failed.</summary>
        public int Alone { get; set; }

        /// <summary>Of the entry that is read alone.</summary>
        public int Failures { get; set; }

        public void Begin(FeedMark stored) => (Mark, Stored) = (stored, stored);

        public void Forget() => Mark = null;

        /// <summary>The mark is further than the one that is stored.</summary>
        public bool MarkWaits => Mark is { } mark && mark != Stored;

        public bool IsStoreDue(TimeSpan within) => MarkWaits && Stopwatch.GetElapsedTime(_waitsSince) >= within;

        public void OnHandled(FeedMark to, FeedOutcome outcome)
        {
            if (outcome == FeedOutcome.Nothing && Mark == Stored)
            {
                _waitsSince = Stopwatch.GetTimestamp();
            }

            Mark = outcome == FeedOutcome.Lost ? null : to;
            Stored = outcome == FeedOutcome.Stored ? to : Stored;
        }

        public void OnStored(FeedOutcome outcome)
        {
            if (outcome == FeedOutcome.Stored)
            {
                Stored = Mark!.Value;
            }
            else
            {
                Forget();
                HasMore = true;
            }
        }
    }
}
