using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Tertulia.Feed;

/// <summary>How far a follower is behind, for the metrics.</summary>
/// <remarks>A follower looks at each of its partitions every five seconds at least: one that keeps up is never further behind, and one that cannot read
/// or write is behind by as long as that lasts, whether there is news or not.</remarks>
internal sealed class FollowerLag
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Feed";

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<FollowerLag, bool> Observed = new();
    private static readonly Counter<long> Entries = Meter.CreateCounter<long>(
        "tertulia.follower.entries", "{entry}", "Entries of the feed that a follower has handled, by outcome");

    private readonly ConcurrentDictionary<int, long> _behindSince = new(); // By partition: time stamp at which all was handled for the last time.
    private readonly TimeProvider _time;
    private readonly KeyValuePair<string, object?> _follower;

    static FollowerLag() => Meter.CreateObservableGauge<double>(
        "tertulia.follower.lag", unit: "s", description: "Time since a follower had handled everything, of the partition in which it is furthest behind",
        observeValues: () => Observed.Keys.Select(lag => new Measurement<double>(lag.Lag.TotalSeconds, lag._follower)));

    public FollowerLag(string follower, TimeProvider time)
    {
        _time = time;
        _follower = new("follower", follower);
    }

    /// <summary>Of the partition that is furthest behind; zero without partitions.</summary>
    public TimeSpan Lag
    {
        get
        {
            var lag = TimeSpan.Zero;
            foreach (var (_, since) in _behindSince)
            {
                lag = _time.GetElapsedTime(since) is var longer && longer > lag ? longer : lag;
            }

            return lag;
        }
    }

    /// <summary>From now on it is among the metrics, until what is returned is disposed.</summary>
    public IDisposable Observe()
    {
        Observed.TryAdd(this, true);
        return new Observation(this);
    }

    /// <summary>The partition is followed by this replica, from now on or again after a failure.</summary>
    public void Begin(int partition) => _behindSince.TryAdd(partition, _time.GetTimestamp());

    /// <summary>Everything that the partition has is handled.</summary>
    public void AtEnd(int partition) => _behindSince[partition] = _time.GetTimestamp();

    /// <summary>The partition is another replica's.</summary>
    public void Forget(int partition) => _behindSince.TryRemove(partition, out _);

    /// <summary>Entries were handled.</summary>
    public void Handled(int entries)
    {
        if (entries > 0)
        {
            Entries.Add(entries, _follower, new("outcome", "handled"));
        }
    }

    /// <summary>An entry failed every time.</summary>
    public void LeftOut() => Entries.Add(1, _follower, new("outcome", "left_out"));

    private sealed class Observation(FollowerLag lag) : IDisposable
    {
        public void Dispose() => Observed.TryRemove(lag, out _);
    }
}
