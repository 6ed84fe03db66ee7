using Tertulia.Contracts;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.LastSeen;
using Tertulia.Presence.Status;

namespace Tertulia.Presence.Tracking;

/// <summary>Who is online, on which node, in which room, and how each is shown. Touched by <see cref="PresenceLoop"/> only.</summary>
/// <remarks>Tells <see cref="PendingChanges"/> of a user's presence before it changes it, so that only the difference between two flushes is emitted. A user who
/// is invisible is in the rooms, and is neither counted nor told.</remarks>
internal sealed class PresenceMap(PendingChanges changes, StatusBook statuses, RecentlySeen seen)
{
    private readonly Dictionary<string, UserEntry> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RoomEntry> _rooms = new(StringComparer.Ordinal);
    private TimeSpan _ago;

    public int ConnectionCount { get; private set; }

    public IReadOnlyDictionary<string, UserEntry> Users => _users;

    public IReadOnlyDictionary<string, RoomEntry> Rooms => _rooms;

    /// <summary>The statuses that users have chosen.</summary>
    public StatusBook Statuses { get; } = statuses;

    /// <summary>Who watches whom.</summary>
    public NodesByKey Watchers { get; } = new();

    /// <summary>Which rooms are auditoriums.</summary>
    public NodesByKey Auditoriums { get; } = new();

    public void Open(NodeEntry node, string connectionId, string userId, string username)
    {
        if (node.Connections.TryGetValue(connectionId, out var known))
        {
            known.Username = username;
            Rename(known.User);
            return;
        }

        if (!_users.TryGetValue(userId, out var user))
        {
            var chosen = Statuses.Find(userId);
            _users[userId] = user = new UserEntry(userId, username) { Chosen = chosen, Look = Look.Of(chosen, isUnused: false) };
        }

        if (user.Nodes.Times(node) == 0)
        {
            changes.TouchUser(user);
        }

        user.Nodes.Add(node);
        var connection = new ConnectionEntry(connectionId, user, username);
        user.Connections.Add(connection);
        node.Connections[connectionId] = connection;
        Rename(user);
        Refresh(user);
        node.Digest += Digest.Of(connectionId, "");
        ConnectionCount++;
    }

    public void Close(NodeEntry node, string connectionId)
    {
        if (!node.Connections.Remove(connectionId, out var connection))
        {
            return;
        }

        foreach (var room in connection.Rooms)
        {
            Leave(node, connectionId, connection.User, room);
        }

        var user = connection.User;
        if (user.Nodes.Times(node) == 1)
        {
            changes.TouchUser(user);
            changes.ForgetChosenOf(user.UserId);
        }

        if (connection.IsAway)
        {
            user.AwayDevices--;
            node.Digest -= Digest.OfAway(connectionId);
        }

        node.SetFocus(connectionId, "");
        user.Nodes.Remove(node);
        user.Connections.Remove(connection);
        if (user.Nodes.Count == 0)
        {
            _users.Remove(user.UserId);
            if (user.Look is not null)
            {
                seen.Note(user.UserId, _ago);
            }
        }
        else
        {
            Rename(user);
            Refresh(user);
        }

        node.Digest -= Digest.Of(connectionId, "");
        ConnectionCount--;
    }

    public void Enter(NodeEntry node, string connectionId, string roomId)
    {
        if (!node.Connections.TryGetValue(connectionId, out var connection)
            || Array.Exists(connection.Rooms, room => room.RoomId == roomId))
        {
            return;
        }

        if (!_rooms.TryGetValue(roomId, out var room))
        {
            _rooms[roomId] = room = new RoomEntry(roomId) { IsAuditorium = Auditoriums.Of(roomId).Count > 0 };
        }

        if (room.Users.Times(connection.User) == 0)
        {
            if (connection.User.Look is null)
            {
                room.Hidden++;
            }
            else
            {
                changes.TouchRoom(room, connection.User);
            }
        }

        room.Users.Add(connection.User);
        room.Nodes.Add(node);
        connection.Rooms = [.. connection.Rooms, room];
        node.Digest += Digest.Of(connectionId, roomId);
    }

    public void Leave(NodeEntry node, string connectionId, string roomId)
    {
        if (!node.Connections.TryGetValue(connectionId, out var connection)
            || Array.Find(connection.Rooms, room => room.RoomId == roomId) is not { } room)
        {
            return;
        }

        connection.Rooms = Array.FindAll(connection.Rooms, other => other != room);
        Leave(node, connectionId, connection.User, room);
    }

    /// <summary>The device is in use, or not.</summary>
    public void SetAway(NodeEntry node, string connectionId, bool isAway)
    {
        if (!node.Connections.TryGetValue(connectionId, out var connection) || connection.IsAway == isAway)
        {
            return;
        }

        connection.IsAway = isAway;
        if (isAway)
        {
            connection.User.AwayDevices++;
            node.Digest += Digest.OfAway(connectionId);
        }
        else
        {
            connection.User.AwayDevices--;
            node.Digest -= Digest.OfAway(connectionId);
        }

        Refresh(connection.User);
    }

    /// <summary>The rooms that a user's devices show, those that are away excepted.</summary>
    public IReadOnlyCollection<string> FocusOf(string userId)
    {
        var rooms = new HashSet<string>(StringComparer.Ordinal);
        if (_users.TryGetValue(userId, out var user))
        {
            foreach (var connection in user.Connections.ToArray().Where(connection => !connection.IsAway))
            {
                foreach (var node in user.Nodes.ToArray())
                {
                    if (node.Focused.TryGetValue(connection.ConnectionId, out var roomId))
                    {
                        rooms.Add(roomId);
                    }
                }
            }
        }

        return rooms;
    }

    /// <summary>Sessions of the node watch the user.</summary>
    public void Watch(NodeEntry node, string userId)
    {
        if (node.Watched.Add(userId))
        {
            Watchers.Add(userId, node);
            node.Digest += Digest.OfWatched(userId);
        }
    }

    /// <summary>No session of the node watches the user any more.</summary>
    public void Unwatch(NodeEntry node, string userId)
    {
        if (node.Watched.Remove(userId))
        {
            Watchers.Remove(userId, node);
            node.Digest -= Digest.OfWatched(userId);
        }
    }

    /// <summary>The node says that the room is an auditorium.</summary>
    public void MarkAuditorium(NodeEntry node, string roomId)
    {
        if (node.Auditoriums.Add(roomId))
        {
            Auditoriums.Add(roomId, node);
            node.Digest += Digest.OfAuditorium(roomId);
            SetAuditorium(roomId, isAuditorium: true);
        }
    }

    /// <summary>The node does not say so any more.</summary>
    public void UnmarkAuditorium(NodeEntry node, string roomId)
    {
        if (node.Auditoriums.Remove(roomId))
        {
            Auditoriums.Remove(roomId, node);
            node.Digest -= Digest.OfAuditorium(roomId);
            SetAuditorium(roomId, isAuditorium: Auditoriums.Of(roomId).Count > 0);
        }
    }

    /// <summary>A user has chosen a status.</summary>
    public void Choose(ChosenStatus chosen)
    {
        var known = _users.GetValueOrDefault(chosen.UserId);
        chosen = Statuses.Current(chosen);
        if ((known?.Chosen is null || known.Chosen.Stamp < chosen.Stamp) && Statuses.TryAdd(chosen))
        {
            Show(known, chosen);
        }
    }

    /// <summary>Statuses that have ended are no longer shown. Called about once a second.</summary>
    public void EndStatuses()
    {
        while (Statuses.TakeEnded() is { } ended)
        {
            Show(_users.GetValueOrDefault(ended.UserId), ended);
        }
    }

    /// <summary>How others see a user now.</summary>
    public PresentUser Shown(string userId) => _users.TryGetValue(userId, out var user) && user.Look is { } look
        ? look.Show(userId, user.Username)
        : new PresentUser { UserId = userId, Status = PresenceStatus.Offline, LastSeenMs = seen.Find(userId) }; // A name would say that somebody invisible is here.

    /// <summary>All connections of the node are closed, and it watches nobody.</summary>
    /// <param name="node">The node.</param>
    /// <param name="ago">How long it has been so.</param>
    public void Clear(NodeEntry node, TimeSpan ago)
    {
        _ago = ago;
        foreach (var connectionId in node.Connections.Keys.ToArray())
        {
            Close(node, connectionId);
        }

        _ago = TimeSpan.Zero;
        foreach (var userId in node.Watched.ToArray())
        {
            Unwatch(node, userId);
        }

        foreach (var roomId in node.Auditoriums.ToArray())
        {
            UnmarkAuditorium(node, roomId);
        }
    }

    /// <summary>The node holds exactly these connections, and watches exactly these users.</summary>
    public void Replace(NodeEntry node, IReadOnlyList<PresentConnection> connections, IReadOnlySet<string> watched, IReadOnlySet<string> auditoriums)
    {
        foreach (var roomId in auditoriums)
        {
            MarkAuditorium(node, roomId); // First: who comes in is not told.
        }

        var present = new HashSet<string>(connections.Count, StringComparer.Ordinal);
        foreach (var connection in connections)
        {
            present.Add(connection.ConnectionId);
            if (node.Connections.TryGetValue(connection.ConnectionId, out var known) && known.User.UserId != connection.UserId)
            {
                Close(node, connection.ConnectionId);
            }

            Open(node, connection.ConnectionId, connection.UserId, connection.Username);
            SetAway(node, connection.ConnectionId, connection.Away);
            node.SetFocus(connection.ConnectionId, connection.FocusedRoomId);
            foreach (var roomId in connection.RoomIds)
            {
                Enter(node, connection.ConnectionId, roomId);
            }

            foreach (var room in node.Connections[connection.ConnectionId].Rooms)
            {
                if (!connection.RoomIds.Contains(room.RoomId))
                {
                    Leave(node, connection.ConnectionId, room.RoomId);
                }
            }
        }

        foreach (var connectionId in node.Connections.Keys.Where(id => !present.Contains(id)).ToArray())
        {
            Close(node, connectionId);
        }

        foreach (var userId in node.Watched.Where(userId => !watched.Contains(userId)).ToArray())
        {
            Unwatch(node, userId);
        }

        foreach (var userId in watched)
        {
            Watch(node, userId);
        }

        foreach (var roomId in node.Auditoriums.Where(roomId => !auditoriums.Contains(roomId)).ToArray())
        {
            UnmarkAuditorium(node, roomId);
        }
    }

    private void SetAuditorium(string roomId, bool isAuditorium)
    {
        if (_rooms.TryGetValue(roomId, out var room) && room.IsAuditorium != isAuditorium)
        {
            room.IsAuditorium = isAuditorium;
            changes.TellCount(roomId);
        }
    }

    private void Show(UserEntry? user, ChosenStatus chosen)
    {
        if (user is not null)
        {
            changes.TouchUser(user);
            user.Chosen = chosen;
            Refresh(user);
        }
    }

    // All rooms of the user are told, and who watches it.
    private void Refresh(UserEntry user)
    {
        var look = Look.Of(user.Chosen, isUnused: user.AwayDevices == user.Connections.Count);
        if (look == user.Look)
        {
            return;
        }

        changes.TouchUser(user);
        var hides = (look is null ? 1 : 0) - (user.Look is null ? 1 : 0);
        foreach (var room in RoomsOf(user))
        {
            changes.TouchRoom(room, user);
            room.Hidden += hides;
        }

        if (look is null)
        {
            seen.Note(user.UserId, _ago);
        }

        user.Look = look;
    }

    // The newest connection gives the name. All rooms of the user are told when it is another one.
    private void Rename(UserEntry user)
    {
        var connections = user.Connections.ToArray();
        var newest = connections[0];
        foreach (var connection in connections)
        {
            newest = string.CompareOrdinal(connection.ConnectionId, newest.ConnectionId) > 0 ? connection : newest;
        }

        if (newest.Username == user.Username)
        {
            return;
        }

        if (user.Look is not null)
        {
            changes.TouchUser(user);
            foreach (var room in RoomsOf(user))
            {
                changes.TouchRoom(room, user);
            }
        }

        user.Username = newest.Username;
    }

    private static IEnumerable<RoomEntry> RoomsOf(UserEntry user) => user.Connections.ToArray().SelectMany(connection => connection.Rooms).Distinct();

    private void Leave(NodeEntry node, string connectionId, UserEntry user, RoomEntry room)
    {
        if (room.Users.Times(user) == 1)
        {
            if (user.Look is null)
            {
                room.Hidden--;
            }
            else
            {
                changes.TouchRoom(room, user);
            }
        }

        room.Users.Remove(user);
        room.Nodes.Remove(node);
        if (room.Users.Count == 0)
        {
            _rooms.Remove(room.RoomId);
        }

        node.Digest -= Digest.Of(connectionId, room.RoomId);
    }
}
