namespace Tertulia.Load.Traffic;

/// <summary>A room and the one order that all its members must see.</summary>
internal sealed class Room(int number, int size, string series = "room")
{
    private readonly List<long> _order = [];
    private long _firstSeq;

    /// <summary>As in stamps.</summary>
    public int Number { get; } = number;

    /// <summary>As on the wire.</summary>
    public string Name { get; } = $"{series}-{number}";

    /// <summary>Its members, by their place.</summary>
    public ChatClient[] Members { get; } = new ChatClient[size];

    /// <summary>Everything that was seen in it, for the history checker; null keeps nothing.</summary>
    public RoomRecord? Record { get; init; }

    /// <summary>Whether this seq is the same message for this member as for those who saw it before.</summary>
    public bool IsSameFor(long seq, in Stamp stamp)
    {
        var identity = ((long)stamp.Sender << 32) | (uint)stamp.Number;
        if (_order.Count == 0)
        {
            _firstSeq = seq;
        }

        var index = seq - _firstSeq;
        if (index < 0)
        {
            return false;
        }

        while (_order.Count <= index)
        {
            _order.Add(-1);
        }

        if (_order[(int)index] == -1)
        {
            _order[(int)index] = identity;
        }

        return _order[(int)index] == identity;
    }
}
