using System.Text;
using Tertulia.Load.Dialects;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Traffic;

/// <summary>One user in one room: sends stamped messages and checks each one that arrives.</summary>
internal sealed class ChatClient(int number, Room room, int place, Dialect dialect, Tally tally) : IConnectionHandler
{
    private const int RememberedSends = 1024;
    private readonly int[] _next = new int[room.Members.Length];
    private readonly long[] _scheduled = new long[RememberedSends];
    private HashSet<(int Sender, int Number)>? _missing;
    private Connection? _connection;
    private long _lastSeq;

    /// <summary>Number among all clients.</summary>
    public int Number { get; } = number;

    /// <summary>Its room.</summary>
    public Room Room { get; } = room;

    /// <summary>Its messages so far.</summary>
    public int Sent { get; private set; }

    /// <summary>Whether the server said that it is in its room.</summary>
    public bool IsJoined { get; private set; }

    /// <summary>Whether it has been closed.</summary>
    public bool IsClosed => _connection?.IsClosed ?? false;

    /// <summary>Connects and asks for the upgrade.</summary>
    public void Open(Loop loop, ushort source, ushort port)
    {
        _connection = loop.Connect(source, port, this);
        _connection.Upgrade(dialect.Target(this));
    }

    /// <summary>Sends the next message.</summary>
    /// <param name="scheduledAt">When it was due.</param>
    /// <param name="text">Space for the text, of the wanted length.</param>
    public void Send(long scheduledAt, Span<byte> text)
    {
        _scheduled[Sent % RememberedSends] = scheduledAt;
        new Stamp(Room.Number, place, Sent, scheduledAt).Write(text);
        dialect.SendMessage(this, Sent, text);
        Sent++;
        tally.OnSent(scheduledAt, Loop.Now, Room.Members.Length);
    }

    /// <summary>Lets the dialect say that it is still there.</summary>
    public void KeepAlive() => dialect.KeepAlive(this);

    /// <summary>For dialects: sends a text frame.</summary>
    public void SendText(ReadOnlySpan<byte> payload) => _connection!.SendText(payload);

    /// <summary>For dialects: it is in its room.</summary>
    public void OnJoined() => IsJoined = true;

    /// <summary>For dialects: the server has answered one of its messages.</summary>
    public void OnAcknowledged(int message)
    {
        if (message >= 0 && message < Sent && message >= Sent - RememberedSends)
        {
            tally.OnAcknowledged(_scheduled[message % RememberedSends], Loop.Now);
        }
    }

    /// <summary>For dialects: a message arrived.</summary>
    /// <param name="frame">All of it; the stamp is somewhere in it.</param>
    /// <param name="seq">Its position in the room, 0 where the server has none.</param>
    public void OnMessage(ReadOnlySpan<byte> frame, long seq)
    {
        if (!Stamp.TryRead(frame, out var stamp) || stamp.Room != Room.Number || stamp.Sender >= _next.Length)
        {
            tally.OnError("not ours: " + Encoding.UTF8.GetString(frame[..Math.Min(frame.Length, 200)]));
            return;
        }

        var now = Loop.Now;
        ref var next = ref _next[stamp.Sender];
        if (stamp.Number == next)
        {
            next++;
            tally.OnDelivered(stamp.ScheduledAt, now);
        }
        else if (stamp.Number > next)
        {
            for (_missing ??= []; next < stamp.Number; next++)
            {
                _missing.Add((stamp.Sender, next));
            }

            next++;
            tally.OnDelivered(stamp.ScheduledAt, now);
        }
        else if (_missing?.Remove((stamp.Sender, stamp.Number)) ?? false)
        {
            tally.Reordered++;
            tally.OnDelivered(stamp.ScheduledAt, now);
        }
        else
        {
            tally.Duplicates++;
            return;
        }

        if (seq > 0 && (seq <= _lastSeq || !Room.IsSameFor(seq, stamp)))
        {
            tally.Reordered++;
        }

        _lastSeq = Math.Max(_lastSeq, seq);
    }

    /// <summary>Messages of its room that it has not seen.</summary>
    public int CountMissing()
    {
        var missing = _missing?.Count ?? 0;
        for (var sender = 0; sender < _next.Length; sender++)
        {
            missing += Room.Members[sender].Sent - _next[sender];
        }

        return missing;
    }

    /// <summary>For dialects: the server answered with an error.</summary>
    public void OnError(ReadOnlySpan<byte> frame) => tally.OnError(Encoding.UTF8.GetString(frame[..Math.Min(frame.Length, 300)]));

    void IConnectionHandler.OnOpen(Connection connection) => dialect.OnOpen(this);

    void IConnectionHandler.OnText(Connection connection, ReadOnlySpan<byte> payload) => dialect.OnText(this, payload);

    void IConnectionHandler.OnClosed(Connection connection, string reason) => tally.OnDisconnected(reason);
}
