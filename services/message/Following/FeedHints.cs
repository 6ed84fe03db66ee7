using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Messages.Partitions;

namespace Tertulia.Messages.Following;

/// <summary>Wakes those who follow the feed: at most one hint in 100 ms, and none while nobody reads the feed here.</summary>
/// <remarks>Without locks, because every append calls it. A hint may be lost: followers look every few seconds anyway.</remarks>
internal sealed class FeedHints : IDisposable
{
    /// <summary>Least time between two hints.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>When nobody has read for so long there are no followers. One that looks every five seconds asks one of many replicas each time.</summary>
    public static readonly TimeSpan FollowerTimeout = TimeSpan.FromMinutes(1);

    private const int BitsInWord = 64;

    private readonly ILiveBus _bus;
    private readonly TimeProvider _time;
    private readonly OwnedPartitions _owned;
    private readonly ITimer _timer;
    private readonly ulong[] _appended;
    private long _readAt;
    private long _hintedAt;
    private bool _isDue;

    public FeedHints(ILiveBus bus, IOptions<LiveBusOptions> options, TimeProvider time, OwnedPartitions owned)
    {
        (_bus, _time, _owned) = (bus, time, owned);
        _appended = new ulong[(options.Value.Partitions + BitsInWord - 1) / BitsInWord];
        _timer = time.CreateTimer(_ => Send(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        owned.Appended += OnAppended;
    }

    /// <summary>Somebody reads the feed.</summary>
    public void OnFollower() => Volatile.Write(ref _readAt, _time.GetTimestamp());

    /// <summary>A partition has new entries. Any thread.</summary>
    public void OnAppended(int partition)
    {
        var readAt = Volatile.Read(ref _readAt);
        if (readAt == 0 || _time.GetElapsedTime(readAt) > FollowerTimeout)
        {
            return;
        }

        Interlocked.Or(ref _appended[partition / BitsInWord], 1UL << (partition % BitsInWord));
        if (!Interlocked.Exchange(ref _isDue, true))
        {
            var since = _time.GetElapsedTime(Volatile.Read(ref _hintedAt));
            _timer.Change(since >= Interval ? TimeSpan.Zero : Interval - since, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        _owned.Appended -= OnAppended;
        _timer.Dispose();
    }

    private void Send()
    {
        Volatile.Write(ref _hintedAt, _time.GetTimestamp());
        Volatile.Write(ref _isDue, false); // First: what is appended from here on is in this hint or makes the next one.
        var hint = new FeedHint();
        for (var word = 0; word < _appended.Length; word++)
        {
            for (var bits = Interlocked.Exchange(ref _appended[word], 0); bits != 0; bits &= bits - 1)
            {
                hint.Partitions.Add((uint)((word * BitsInWord) + System.Numerics.BitOperations.TrailingZeroCount(bits)));
            }
        }

        if (hint.Partitions.Count > 0)
        {
            _bus.TryPublishFeedHint(hint);
        }
    }
}
