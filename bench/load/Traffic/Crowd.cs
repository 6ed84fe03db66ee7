using System.Globalization;
using Tertulia.Load.Dialects;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Traffic;

/// <summary>How many clients there are and how they are shared out.</summary>
/// <param name="Clients">Connections; a multiple of the rooms.</param>
/// <param name="Rooms">Rooms of equal size.</param>
/// <param name="TextBytes">Length of a message's text.</param>
/// <param name="RoomsPerClient">Rooms that each connection is in.</param>
internal sealed record CrowdShape(int Clients, int Rooms, int TextBytes, int RoomsPerClient = 1)
{
    /// <summary>Members of each room.</summary>
    public int Members => Clients * RoomsPerClient / Rooms;
}

/// <summary>What tells a crowd from others that meet the same server.</summary>
/// <param name="Series">Names its rooms: <c>series-0</c>, …</param>
/// <param name="FirstNumber">Number of its first user, which also chooses the source addresses.</param>
/// <param name="IsRecorded">Whether all that it sees is kept for the history checker.</param>
/// <param name="IsRoomByRoom">Whether one room is full before the next one is opened; else all rooms fill at the same pace.</param>
internal sealed record CrowdIdentity(string Series = "room", int FirstNumber = 0, bool IsRecorded = false, bool IsRoomByRoom = false);

/// <summary>All clients of a run: opens them, and sends on a fixed schedule whatever the server does.</summary>
internal sealed class Crowd : IDisposable
{
    private const int OpeningAtOnce = 64;

    // A source address has about 28,000 ports; and a server may count connections per address.
    private const int ClientsPerAddress = 1000;
    private static readonly long KeepAliveEvery = TimeSpan.FromSeconds(10).Ticks * 100;
    private static readonly long LookEvery = TimeSpan.FromMilliseconds(50).Ticks * 100;
    private readonly Loop _loop = new();
    private readonly CrowdIdentity _identity;
    private readonly ChatClient[] _clients;
    private readonly Room[] _rooms;
    private readonly IReadOnlyList<ushort> _ports;
    private readonly byte[] _text;
    private readonly CancellationToken _cancellationToken;
    private int _opened;
    private long _messages;
    private long _keptAliveUntil;
    private long _keptAlive;

    public Crowd(CrowdShape shape, Dialect dialect, IReadOnlyList<ushort> ports, CrowdIdentity identity, CancellationToken cancellationToken)
    {
        if (shape.Rooms < 1 || shape.Clients * shape.RoomsPerClient % shape.Rooms != 0 || shape.Members > shape.Clients)
        {
            throw new ArgumentException($"{shape.Clients} clients, each in {shape.RoomsPerClient}, cannot be shared out evenly to {shape.Rooms} rooms");
        }

        _identity = identity;
        _ports = ports;
        _cancellationToken = cancellationToken;
        _text = new byte[Math.Max(Stamp.Length, shape.TextBytes)];
        _rooms =
        [
            .. Enumerable.Range(0, shape.Rooms).Select(number =>
                new Room(number, shape.Members, identity.Series) { Record = identity.IsRecorded ? new RoomRecord() : null }),
        ];
        _clients = new ChatClient[shape.Clients * shape.RoomsPerClient];
        Fill(shape, dialect);
        if (identity.IsRoomByRoom)
        {
            _clients = [.. _rooms.SelectMany(room => room.Members)];
        }
    }

    /// <summary>The rooms, with their members.</summary>
    public IReadOnlyList<Room> Rooms => _rooms;

    /// <summary>What was sent and what arrived.</summary>
    public Tally Tally { get; } = new();

    /// <summary>Time the generator worked, in nanoseconds.</summary>
    public long Busy => _loop.Busy;

    /// <summary>Opens everything.</summary>
    /// <exception cref="TimeoutException">Not all were in time.</exception>
    public void Open(TimeSpan within) => Open(_clients.Length, within);

    /// <summary>Opens clients until there are <paramref name="count"/>, and waits until all of them are in their rooms.</summary>
    /// <param name="count">How many there are afterwards.</param>
    /// <param name="within">Longest time.</param>
    /// <param name="rate">Connections a second, however many of them are not in their rooms yet; 0 opens the next one when one of the last few is.</param>
    /// <exception cref="TimeoutException">Not all were in time.</exception>
    public void Open(int count, TimeSpan within, double rate = 0)
    {
        var (start, first) = (Loop.Now, _opened);
        var deadline = start + within.Ticks * 100;
        var joined = 0;
        bool IsDue(long now) => rate > 0 ? _opened - first <= (now - start) / 1e9 * rate : _opened < joined + OpeningAtOnce;
        Run(now =>
        {
            while (joined < _opened && (_clients[joined].IsJoined || _clients[joined].IsClosed))
            {
                joined++;
            }

            while (_opened < count && IsDue(now))
            {
                // Multiplied, so that the members of a room do not all meet on one server.
                var port = _ports[(int)((uint)_opened * 2654435761u >> 16) % _ports.Count];
                _clients[_opened].Open(_loop, (ushort)(2 + (_identity.FirstNumber + _opened) / ClientsPerAddress), port);
                _opened++;
            }

            return joined == count || now > deadline ? null : now + (rate > 0 ? (long)(1e9 / rate) : LookEvery);
        });
        if (joined < count || Tally.Disconnects > 0)
        {
            throw new TimeoutException(
                $"{joined} of {count} clients joined, {Tally.Disconnects} were closed, {Tally.Errors} errors. {string.Join("; ", Tally.Complaints)}");
        }
    }

    /// <summary>Sends <paramref name="rate"/> messages a second, evenly spaced, the rooms and their members taking turns.</summary>
    public void Send(double rate, TimeSpan duration)
    {
        var start = Loop.Now;
        var spacing = 1e9 / rate;
        var total = (long)(rate * duration.TotalSeconds);
        long sent = 0;
        Run(now =>
        {
            long due;
            for (; (due = start + (long)(sent * spacing)) <= now && sent < total; sent++)
            {
                var room = _rooms[_messages % _rooms.Length];
                room.Members[_messages / _rooms.Length % room.Members.Length].Send(due, _text);
                _messages++;
            }

            return sent == total ? null : due;
        });
    }

    /// <summary>Waits for what is outstanding.</summary>
    /// <param name="within">How long at most.</param>
    /// <param name="quiet">Gives up sooner when nothing at all arrived for so long.</param>
    /// <returns>Whether everything arrived.</returns>
    public bool Settle(TimeSpan within, TimeSpan quiet)
    {
        var deadline = Loop.Now + within.Ticks * 100;
        var (delivered, changedAt) = (Tally.Delivered, Loop.Now);
        Run(now =>
        {
            if (Tally.Delivered != delivered)
            {
                (delivered, changedAt) = (Tally.Delivered, now);
            }

            return Tally.Outstanding <= 0 || now > deadline || now - changedAt > quiet.Ticks * 100 ? null : now + LookEvery;
        });
        return Tally.Outstanding <= 0;
    }

    /// <summary>Who misses how much, to begin a search with: the worst five clients.</summary>
    public string DescribeMissing()
    {
        var missing = _clients.Select(client => (Client: client, Count: client.CountMissing())).Where(entry => entry.Count > 0).ToArray();
        var rooms = missing.Select(entry => entry.Client.Room.Number).Distinct().Count();
        var worst = missing.OrderByDescending(entry => entry.Count).Take(5)
            .Select(entry => string.Create(CultureInfo.InvariantCulture, $"user-{entry.Client.Number} in {entry.Client.Room.Name} misses {entry.Count}"));
        return string.Create(CultureInfo.InvariantCulture, $"{missing.Length} clients in {rooms} rooms miss messages: {string.Join(", ", worst)}");
    }

    /// <summary>Only answers for a while.</summary>
    public void Idle(TimeSpan duration)
    {
        var end = Loop.Now + duration.Ticks * 100;
        Run(now => now >= end ? null : end);
    }

    public void Dispose() => _loop.Dispose();

    /// <summary>Connections first; then the further rooms of each, so that nobody is in one twice.</summary>
    private void Fill(CrowdShape shape, Dialect dialect)
    {
        var (opened, carried) = (0, shape.Clients);
        var carriers = new ChatClient?[shape.Clients];
        var apart = Math.Max(1, shape.Clients / shape.Members);
        for (var place = 0; place < shape.Members; place++)
        {
            foreach (var room in _rooms)
            {
                var user = (shape.RoomsPerClient == 1 ? opened : room.Number + place * apart) % shape.Clients;
                var client = new ChatClient(_identity.FirstNumber + user, room, place, dialect, Tally, carriers[user]);
                room.Members[place] = client;
                _clients[carriers[user] is null ? opened++ : carried++] = client;
                carriers[user] ??= client;
            }
        }
    }

    private void Run(Func<long, long?> step) => _loop.Run(now =>
    {
        _cancellationToken.ThrowIfCancellationRequested();
        KeepAlive(now);
        return step(now) is { } next ? Math.Min(next, now + LookEvery) : null;
    });

    /// <summary>One client after the other, so that they do not all speak at once.</summary>
    private void KeepAlive(long now)
    {
        if (_opened == 0 || _keptAliveUntil == 0)
        {
            _keptAliveUntil = now;
            return;
        }

        var due = Math.Min((now - _keptAliveUntil) * _opened / KeepAliveEvery, _opened);
        if (due > 0)
        {
            _keptAliveUntil = now;
            for (; due > 0; due--)
            {
                var client = _clients[_keptAlive++ % _opened];
                if (client.IsJoined && !client.IsClosed)
                {
                    client.KeepAlive();
                }
            }
        }
    }
}
