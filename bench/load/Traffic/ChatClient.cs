using System.Text;
using Tertulia.Load.Dialects;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Traffic;

/// <summary>One user in one room: sends stamped messages and checks each one that arrives.</summary>
/// <param name="number">Number of the user.</param>
/// <param name="room">The room.</param>
/// <param name="place">Place among the room's members.</param>
/// <param name="dialect">How the server is spoken to.</param>
/// <param name="tally">Where results go.</param>
/// <param name="carrier">Whose connection it uses, when one user is in several rooms; null for one of its own.</param>
internal sealed class ChatClient(int number, Room room, int place, Dialect dialect, Tally tally, ChatClient? carrier = null) : IConnectionHandler
{
    private const int RememberedSends = 1024;
    private readonly int[] _next = new int[room.Members.Length];
    private readonly long[] _scheduled = new long[RememberedSends];
    private HashSet<(int Sender, int Number)>? _missing;
    private Dictionary<int, ChatClient>? _carried;
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

    /// <summary>Whether its room is one of several of a connection.</summary>
    public bool IsCarried => carrier is not null;

    /// <summary>For the history checker: the room's seq when it came.</summary>
    public long Since { get; private set; }

    /// <summary>For the history checker: what it was shown.</summary>
    public ShownLog Shown { get; } = new(room.Record);

    /// <summary>For the history checker: what the server said is durable.</summary>
    public AcknowledgementLog Acknowledged { get; } = new();

    /// <summary>Connects and asks for the upgrade; on another's connection, joins.</summary>
    public void Open(Loop loop, ushort source, ushort port)
    {
        if (carrier is not null)
        {
            (carrier._carried ??= []).Add(Room.Number, this);
            _connection = carrier._connection;
            dialect.JoinFurther(this);
            return;
        }

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

    /// <summary>For dialects: the one on this connection who is in a room; itself where there is no other.</summary>
    public ChatClient In(int room) => _carried?.GetValueOrDefault(room) ?? this;

    /// <summary>For dialects: it is in its room.</summary>
    /// <param name="seq">The room's seq, 0 where the server has none.</param>
    public void OnJoined(long seq = 0) => (IsJoined, Since) = (true, seq);

    /// <summary>For dialects: the server has answered one of its messages.</summary>
    public void OnAcknowledged(int message, ReadOnlySpan<byte> frame)
    {
        if (Room.Record is not null)
        {
            Acknowledged.Add(frame);
        }

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
        if (!Stamp.TryRead(frame, out var stamp))
        {
            tally.OnError("no stamp: " + Encoding.UTF8.GetString(frame[..Math.Min(frame.Length, 200)]));
            return;
        }

        if (_carried?.GetValueOrDefault(stamp.Room) is { } carried)
        {
            carried.OnMessage(frame, seq);
            return;
        }

        if (stamp.Room != Room.Number || stamp.Sender >= _next.Length)
        {
            tally.OnError("not ours: " + Encoding.UTF8.GetString(frame[..Math.Min(frame.Length, 200)]));
            return;
        }

        Shown.Add(seq, frame);
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

    /// <summary>For dialects: the server has left messages out, because this client does not keep up. A fault, but where the history is read back.</summary>
    public void OnGap(ReadOnlySpan<byte> frame, long from, long to)
    {
        if (Room.Record is null)
        {
            OnError(frame);
            return;
        }

        Shown.AddGap(from, to);
    }

    /// <summary>For dialects: the server answered with an error.</summary>
    public void OnError(ReadOnlySpan<byte> frame) => tally.OnError(Encoding.UTF8.GetString(frame[..Math.Min(frame.Length, 300)]));

    void IConnectionHandler.OnOpen(Connection connection) => dialect.OnOpen(this);

    void IConnectionHandler.OnText(Connection connection, ReadOnlySpan<byte> payload) => dialect.OnText(this, payload);

    void IConnectionHandler.OnClosed(Connection connection, string reason) => tally.OnDisconnected(reason);
}
