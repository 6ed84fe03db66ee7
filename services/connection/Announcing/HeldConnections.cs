using Tertulia.Contracts;

namespace Tertulia.Connections.Announcing;

/// <summary>What this node has to tell the presence replicas: its connections and their rooms, whom they watch, and what changed since the last report.</summary>
/// <remarks>Its lock is the last one: sessions and rooms call it with theirs held.</remarks>
internal sealed class HeldConnections
{
    /// <summary>Changes that wait for a report. Above it they are dropped, and the whole picture is sent instead.</summary>
    internal const int MaxChanges = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Held> _connections = new(StringComparer.Ordinal);
    private readonly HashSet<string> _watched = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _auditoriums = new(StringComparer.Ordinal); // With how many connections are in each.
    private List<PresenceChange> _changes = [];
    private ulong _digest;
    private bool _overflowed;

    /// <summary>A user is connected, or a connection's user has another name.</summary>
    public void Open(string connectionId, string userId, string username)
    {
        lock (_lock)
        {
            if (_connections.TryGetValue(connectionId, out var known))
            {
                if (known.Username != username)
                {
                    known.Username = username;
                    Add(Opened(connectionId, userId, username));
                }
            }
            else
            {
                _connections.Add(connectionId, new Held(userId, username));
                _digest += Digest.Of(connectionId, "");
                Add(Opened(connectionId, userId, username));
            }
        }
    }

    /// <summary>The connection is gone, and out of all rooms.</summary>
    public void Close(string connectionId)
    {
        lock (_lock)
        {
            if (_connections.Remove(connectionId, out var held))
            {
                _digest -= Digest.Of(connectionId, "");
                _digest -= held.IsAway ? Digest.OfAway(connectionId) : 0;
                _digest -= held.Focused.Length > 0 ? Digest.OfFocused(connectionId, held.Focused) : 0;
                foreach (var roomId in held.Rooms)
                {
                    _digest -= Digest.Of(connectionId, roomId);
                    OnLeft(roomId);
                }

                Add(new PresenceChange { ConnectionId = connectionId, Closed = new ConnectionClosed() });
            }
        }
    }

    /// <summary>The connection is in the room. Without effect when the connection is not open.</summary>
    public void Enter(string connectionId, string roomId, bool isAuditorium = false)
    {
        lock (_lock)
        {
            if (_connections.TryGetValue(connectionId, out var held) && held.TryAdd(roomId))
            {
                if (_auditoriums.TryGetValue(roomId, out var inside))
                {
                    _auditoriums[roomId] = inside + 1;
                }
                else if (isAuditorium)
                {
                    Mark(roomId); // First: nobody is told who comes in.
                }

                _digest += Digest.Of(connectionId, roomId);
                Add(new PresenceChange { ConnectionId = connectionId, Entered = roomId });
            }
        }
    }

    /// <summary>The connection is not in the room any more.</summary>
    public void Leave(string connectionId, string roomId)
    {
        lock (_lock)
        {
            if (_connections.TryGetValue(connectionId, out var held) && held.Rooms.Remove(roomId))
            {
                _digest -= Digest.Of(connectionId, roomId);
                Add(new PresenceChange { ConnectionId = connectionId, Left = roomId });
                OnLeft(roomId);
                if (held.Focused == roomId)
                {
                    SetFocus(connectionId, held, "");
                }
            }
        }
    }

    /// <summary>The device is in use, or not. Without effect when the connection is not open.</summary>
    public void SetAway(string connectionId, bool isAway)
    {
        lock (_lock)
        {
            if (_connections.TryGetValue(connectionId, out var held) && held.IsAway != isAway)
            {
                held.IsAway = isAway;
                _digest = isAway ? _digest + Digest.OfAway(connectionId) : _digest - Digest.OfAway(connectionId);
                Add(new PresenceChange { ConnectionId = connectionId, Away = isAway });
            }
        }
    }

    /// <summary>The device shows a room that it is in, or none: empty. Without effect when it is not in the room.</summary>
    public void SetFocus(string connectionId, string roomId)
    {
        lock (_lock)
        {
            if (_connections.TryGetValue(connectionId, out var held) && held.Focused != roomId && (roomId.Length == 0 || held.Rooms.Contains(roomId)))
            {
                SetFocus(connectionId, held, roomId);
            }
        }
    }

    /// <summary>This node must be told of the user from now on.</summary>
    public void Watch(string userId)
    {
        lock (_lock)
        {
            if (_watched.Add(userId))
            {
                _digest += Digest.OfWatched(userId);
                Add(new PresenceChange { Watched = userId });
            }
        }
    }

    /// <summary>This node need not be told of the user any more.</summary>
    public void Unwatch(string userId)
    {
        lock (_lock)
        {
            if (_watched.Remove(userId))
            {
                _digest -= Digest.OfWatched(userId);
                Add(new PresenceChange { Unwatched = userId });
            }
        }
    }

    /// <summary>A room in which connections of this node are has become an auditorium, or is none any more.</summary>
    public void SetAuditorium(string roomId, bool isAuditorium)
    {
        lock (_lock)
        {
            if (isAuditorium && !_auditoriums.ContainsKey(roomId))
            {
                Mark(roomId);
            }
            else if (!isAuditorium && _auditoriums.Remove(roomId))
            {
                Unmark(roomId);
            }
        }
    }

    /// <summary>The members of this room must be told all of its users.</summary>
    public void Review(string roomId)
    {
        lock (_lock)
        {
            Add(new PresenceChange { Review = roomId });
        }
    }

    /// <summary>Takes what changed, and what the node holds after these changes.</summary>
    /// <param name="whole">Take the connections, too. They are taken anyway when too many changes had to be dropped.</param>
    public HeldChanges Take(bool whole)
    {
        lock (_lock)
        {
            var overflowed = _overflowed;
            var changes = _changes;
            (_changes, _overflowed) = ([], false);
            var all = whole || overflowed;
            var connections = all ? _connections.Select(entry => entry.Value.ToPresent(entry.Key)).ToList() : null;
            return new HeldChanges(changes, overflowed, connections, all ? [.. _watched] : [], all ? [.. _auditoriums.Keys] : [], _digest, (uint)_connections.Count);
        }
    }

    private void SetFocus(string connectionId, Held held, string roomId)
    {
        _digest -= held.Focused.Length > 0 ? Digest.OfFocused(connectionId, held.Focused) : 0;
        _digest += roomId.Length > 0 ? Digest.OfFocused(connectionId, roomId) : 0;
        held.Focused = roomId;
        Add(new PresenceChange { ConnectionId = connectionId, Focused = roomId });
    }

    private void Mark(string roomId)
    {
        if (_connections.Values.Count(held => held.Rooms.Contains(roomId)) is > 0 and var inside)
        {
            _auditoriums[roomId] = inside;
            _digest += Digest.OfAuditorium(roomId);
            Add(new PresenceChange { Auditorium = roomId });
        }
    }

    private void Unmark(string roomId)
    {
        _digest -= Digest.OfAuditorium(roomId);
        Add(new PresenceChange { NoAuditorium = roomId });
    }

    private void OnLeft(string roomId)
    {
        if (_auditoriums.TryGetValue(roomId, out var inside))
        {
            if (inside > 1)
            {
                _auditoriums[roomId] = inside - 1;
            }
            else
            {
                _auditoriums.Remove(roomId);
                Unmark(roomId);
            }
        }
    }

    private void Add(PresenceChange change)
    {
        if (_overflowed)
        {
            return;
        }

        _changes.Add(change);
        if (_changes.Count > MaxChanges)
        {
            (_changes, _overflowed) = ([], true);
        }
    }

    private static PresenceChange Opened(string connectionId, string userId, string username) =>
        new() { ConnectionId = connectionId, Opened = new ConnectionOpened { UserId = userId, Username = username } };

    private sealed class Held(string userId, string username)
    {
        private const int FewRooms = 16;

        public string UserId { get; } = userId;

        public string Username { get; set; } = username;

        public bool IsAway { get; set; }

        /// <summary>Empty: it shows none.</summary>
        public string Focused { get; set; } = "";

        /// <summary>A list while there are few, as almost always: it is small. With many a set, because all connections share the lock under which it is searched.</summary>
        public ICollection<string> Rooms { get; private set; } = new List<string>(1);

        public bool TryAdd(string roomId)
        {
            if (Rooms.Contains(roomId))
            {
                return false;
            }

            if (Rooms is List<string> { Count: FewRooms })
            {
                Rooms = new HashSet<string>(Rooms, StringComparer.Ordinal);
            }

            Rooms.Add(roomId);
            return true;
        }

        public PresentConnection ToPresent(string connectionId) =>
            new() { ConnectionId = connectionId, UserId = UserId, Username = Username, Away = IsAway, FocusedRoomId = Focused, RoomIds = { Rooms } };
    }
}

/// <summary>What changed on a node, and what it holds after that.</summary>
/// <param name="Changes">In the order in which they happened.</param>
/// <param name="Overflowed">There were too many: the changes are missing, and <paramref name="Connections"/> says what became of them.</param>
/// <param name="Connections">All connections; null when they were not asked for.</param>
/// <param name="Watched">All users who are watched, when <paramref name="Connections"/> was asked for.</param>
/// <param name="Auditoriums">Rooms with connections that are auditoriums, when <paramref name="Connections"/> was asked for.</param>
/// <param name="Digest">Of all of these.</param>
/// <param name="Count">Of all connections.</param>
internal sealed record HeldChanges(
    List<PresenceChange> Changes, bool Overflowed, List<PresentConnection>? Connections, List<string> Watched, List<string> Auditoriums, ulong Digest, uint Count);
