using Tertulia.Contracts;
using Tertulia.Presence.Emitting;

namespace Tertulia.Presence.Tracking;

/// <summary>Who is online, on which node, in which room. Touched by <see cref="PresenceLoop"/> only.</summary>
/// <remarks>Tells <see cref="PendingChanges"/> of a user's presence before it changes it, so that only the difference between two flushes is emitted.</remarks>
internal sealed class PresenceMap(PendingChanges changes)
{
    private readonly Dictionary<string, UserEntry> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RoomEntry> _rooms = new(StringComparer.Ordinal);

    /// <summary>A user as the nodes are told of it.</summary>
    public static PresentUser Online(string userId, string username) => new() { UserId = userId, Username = username, Status = "online" };

    public int ConnectionCount { get; private set; }

    public IReadOnlyDictionary<string, UserEntry> Users => _users;

    public IReadOnlyDictionary<string, RoomEntry> Rooms => _rooms;

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
            _users[userId] = user = new UserEntry(userId, username);
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
        }

        user.Nodes.Remove(node);
        user.Connections.Remove(connection);
        if (user.Nodes.Count == 0)
        {
            _users.Remove(user.UserId);
        }
        else
        {
            Rename(user);
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
            _rooms[roomId] = room = new RoomEntry(roomId);
        }

        if (room.Users.Times(connection.User) == 0)
        {
            changes.TouchRoom(room, connection.User);
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

    /// <summary>All connections of the node are closed.</summary>
    public void Clear(NodeEntry node)
    {
        foreach (var connectionId in node.Connections.Keys.ToArray())
        {
            Close(node, connectionId);
        }
    }

    /// <summary>The node holds exactly these connections.</summary>
    public void Replace(NodeEntry node, IReadOnlyList<PresentConnection> connections)
    {
        var present = new HashSet<string>(connections.Count, StringComparer.Ordinal);
        foreach (var connection in connections)
        {
            present.Add(connection.ConnectionId);
            if (node.Connections.TryGetValue(connection.ConnectionId, out var known) && known.User.UserId != connection.UserId)
            {
                Close(node, connection.ConnectionId);
            }

            Open(node, connection.ConnectionId, connection.UserId, connection.Username);
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

        foreach (var room in connections.SelectMany(connection => connection.Rooms).Distinct())
        {
            changes.TouchRoom(room, user);
        }

        user.Username = newest.Username;
    }

    private void Leave(NodeEntry node, string connectionId, UserEntry user, RoomEntry room)
    {
        if (room.Users.Times(user) == 1)
        {
            changes.TouchRoom(room, user);
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
