using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>What an entry is to a node that delivers a room in the order of its seqs.</summary>
internal enum Arrival
{
    /// <summary>The next one: deliver it.</summary>
    Next,

    /// <summary>Delivered before, or part of what every member was shown when it came.</summary>
    Old,

    /// <summary>One before it is missing: it waits.</summary>
    Early,
}

/// <summary>Brings one room's entries into the order of their seqs. One caller at a time.</summary>
internal sealed class EventOrder
{
    /// <summary>Bytes of the entries that wait for a missing one. What would pass it is not kept: the repair reads it again.</summary>
    public const int CapacityBytes = 256 * 1024;

    private readonly Dictionary<long, RoomEvent> _early = [];
    private int _earlyBytes;

    /// <summary>False until it is known after which seq the node receives everything: before, entries are not of interest.</summary>
    public bool HasBase { get; private set; }

    /// <summary>The last seq that was delivered.</summary>
    public long Last { get; private set; }

    /// <summary>The highest seq that is known to exist.</summary>
    public long Known { get; private set; }

    /// <summary>Something between <see cref="Last"/> and <see cref="Known"/> is missing.</summary>
    public bool HasHole => Known > Last;

    /// <summary>The end of what is missing before the first entry that waits.</summary>
    public long HoleEnd => _early.Count == 0 ? Known : _early.Keys.Min() - 1;

    /// <summary>Everything up to this seq needs no delivery.</summary>
    public void SetBase(long seq)
    {
        (HasBase, Last, Known, _earlyBytes) = (true, seq, seq, 0);
        _early.Clear();
    }

    /// <summary>The room has entries up to this seq, whether they have come or not.</summary>
    public void Expect(long seq) => Known = Math.Max(Known, seq);

    /// <summary>One entry came. <see cref="Arrival.Next"/> counts as delivered.</summary>
    public Arrival Accept(RoomEvent entry)
    {
        var seq = entry.Seq;
        if (seq <= Last)
        {
            return Arrival.Old;
        }

        Expect(seq);
        if (seq == Last + 1)
        {
            Last = seq;
            Forget(seq);
            return Arrival.Next;
        }

        var bytes = entry.CalculateSize();
        if (_earlyBytes + bytes <= CapacityBytes && _early.TryAdd(seq, entry))
        {
            _earlyBytes += bytes;
        }

        return Arrival.Early;
    }

    /// <summary>An entry that had waited and is the next one now; it counts as delivered. Null when there is none.</summary>
    public RoomEvent? TakeNext()
    {
        if (_early.Count == 0 || Forget(Last + 1) is not { } entry)
        {
            return null;
        }

        Last++;
        return entry;
    }

    /// <summary>What is missing up to this seq will never come.</summary>
    public void SkipTo(long seq)
    {
        if (_early.Count > 0)
        {
            foreach (var early in _early.Keys.Where(early => early <= seq).ToArray()) // A hole may be far larger than what waits.
            {
                Forget(early);
            }
        }

        Last = Math.Max(Last, seq);
        Expect(seq);
    }

    private RoomEvent? Forget(long seq)
    {
        if (_early.Count == 0 || !_early.Remove(seq, out var entry))
        {
            return null;
        }

        _earlyBytes -= entry.CalculateSize();
        return entry;
    }
}
