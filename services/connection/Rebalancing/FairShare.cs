using Microsoft.Extensions.Options;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rebalancing;

/// <summary>Decides how many connections this node lets go now: those above its share, a few at a time, and none while nodes come and go.</summary>
/// <remarks>It begins above the share and the tolerance and ends at the share, and no node goes below it by moving: nobody is sent to and fro. Every node decides for
/// itself by the same numbers. Used by one thread at a time.</remarks>
internal sealed class FairShare(IOptions<RebalanceOptions> options, TimeProvider time)
{
    /// <summary>Moves in a second that are never exceeded: what the other nodes take beside their own work.</summary>
    internal const int MaxMovesPerSecond = 500;

    /// <summary>Intervals of silence after which a node does not count.</summary>
    internal const int SilentIntervals = 3;

    /// <summary>Time for which nothing is moved after clients came back to this node instead of another one.</summary>
    internal static readonly TimeSpan GivenUpFor = TimeSpan.FromMinutes(10);

    private const int MovesToJudge = 50;

    private readonly RebalanceOptions _options = options.Value;
    private readonly Dictionary<string, Other> _others = new(StringComparer.Ordinal);
    private long _calmSince = time.GetTimestamp();
    private long? _tooManySince;
    private long? _givenUpAt;
    private Run? _run;
    private int _told; // In the last interval.

    /// <summary>Nodes that count, this one included.</summary>
    public int Nodes => _others.Count + 1;

    /// <summary>Connections of all nodes divided by the number of nodes, when <see cref="Moves"/> was called last.</summary>
    public double Share { get; private set; }

    /// <summary>Clients are being moved.</summary>
    public bool IsMoving => _run is not null;

    /// <summary>Clients that were moved came back here: none is moved for a while.</summary>
    public bool HasGivenUp => _givenUpAt is not null;

    /// <summary>Another node has told.</summary>
    public void OnLoad(string nodeId, NodeLoad load)
    {
        if (!_others.TryGetValue(nodeId, out var before) || before.Leaves != load.Leaving)
        {
            _calmSince = time.GetTimestamp();
        }

        _others[nodeId] = new Other(load.Connections, load.Leaving, time.GetTimestamp());
    }

    /// <summary>Called at every interval.</summary>
    /// <param name="connections">Of this node.</param>
    /// <param name="leaving">Those of them that were told to go and are still here.</param>
    /// <returns>How many more to tell, within the next interval.</returns>
    public int Moves(int connections, int leaving)
    {
        Forget();
        var own = connections - leaving;
        var sum = own + _others.Values.Sum(other => (double)other.Connections);
        // Who was told in the last interval may be on the way, and in nobody's number: the share is rather taken for too large than for too small.
        Share = (sum + Math.Max(leaving, _told)) / Nodes;
        return _told = Decide(own, sum / Nodes);
    }

    private int Decide(int own, double leastShare)
    {
        if (!_options.Enabled || _others.Count == 0 || _others.Values.Any(other => other.Leaves) || IsGivenUp() || !HasTooMany(own, leastShare))
        {
            (_run, _tooManySince) = (null, null);
            return 0;
        }

        var now = time.GetTimestamp();
        _tooManySince ??= now;
        if (time.GetElapsedTime(Math.Max(_tooManySince.Value, _calmSince), now) < _options.After)
        {
            _run = null;
            return 0;
        }

        _run ??= new Run(own);
        if (_run.Ordered >= MovesToJudge && _run.Began - own < _run.Ordered / 4)
        {
            (_run, _tooManySince, _givenUpAt) = (null, null, now);
            return 0;
        }

        var perSecond = Math.Min(own * _options.PercentPerSecond / 100, MaxMovesPerSecond);
        var moves = Math.Max(0, (int)Math.Min(Math.Ceiling(perSecond * _options.Interval.TotalSeconds), own - Math.Ceiling(Share)));
        _run.Ordered += moves;
        return moves;
    }

    private bool HasTooMany(int own, double leastShare) =>
        own >= _options.Least && (_run is null ? own > Share * (1 + _options.Tolerance) : own > Math.Ceiling(leastShare));

    private bool IsGivenUp()
    {
        if (_givenUpAt is { } at && time.GetElapsedTime(at) >= GivenUpFor)
        {
            _givenUpAt = null;
        }

        return _givenUpAt is not null;
    }

    // It was killed, or the broker is away: that is not the time to move anybody.
    private void Forget()
    {
        var patience = _options.Interval * SilentIntervals;
        foreach (var (nodeId, other) in _others)
        {
            if (time.GetElapsedTime(other.HeardAt) > patience)
            {
                _others.Remove(nodeId);
                _calmSince = time.GetTimestamp();
            }
        }
    }

    private readonly record struct Other(uint Connections, bool Leaves, long HeardAt);

    /// <summary>From the first move to the last one.</summary>
    private sealed class Run(int began)
    {
        /// <summary>Connections at its beginning.</summary>
        public int Began => began;

        /// <summary>Told since.</summary>
        public int Ordered { get; set; }
    }
}
