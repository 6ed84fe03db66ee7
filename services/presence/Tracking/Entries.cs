using Tertulia.Contracts;
using Tertulia.Presence.Status;

namespace Tertulia.Presence.Tracking;

/// <summary>A user with at least one connection.</summary>
internal sealed class UserEntry(string userId, string username)
{
    public string UserId { get; } = userId;

    /// <summary>The one that the user is shown with everywhere: the newest connection's, so that all replicas show the same.</summary>
    public string Username { get; set; } = username;

    /// <summary>What the user has chosen; null when nothing.</summary>
    public ChosenStatus? Chosen { get; set; }

    /// <summary>How the user is shown; null while it is invisible.</summary>
    public Look? Look { get; set; }

    /// <summary>Devices that are away.</summary>
    public int AwayDevices { get; set; }

    /// <summary>The user's connections, on all nodes.</summary>
    public Tally<ConnectionEntry> Connections;

    /// <summary>Connections by node.</summary>
    public Tally<NodeEntry> Nodes;
}

/// <summary>A room with at least one connection in it.</summary>
internal sealed class RoomEntry(string roomId)
{
    public string RoomId { get; } = roomId;

    /// <summary>Connections by user, invisible users included.</summary>
    public Tally<UserEntry> Users;

    /// <summary>Users among them who are invisible.</summary>
    public int Hidden { get; set; }

    /// <summary>Its members are told counts only, however few there are.</summary>
    public bool IsAuditorium { get; set; }

    /// <summary>Users whom others see.</summary>
    public int Online => Users.Count - Hidden;

    /// <summary>Connections by node.</summary>
    public Tally<NodeEntry> Nodes;
}

/// <summary>One device. There are as many as open sockets in the cluster, so it holds no more than references.</summary>
internal sealed class ConnectionEntry(string connectionId, UserEntry user, string username)
{
    /// <summary>Grows with the time at which the connection was opened (UUIDv7).</summary>
    public string ConnectionId { get; } = connectionId;

    public UserEntry User { get; } = user;

    /// <summary>As this connection's token gave it.</summary>
    public string Username { get; set; } = username;

    /// <summary>The device is not in use.</summary>
    public bool IsAway { get; set; }

    /// <summary>Exactly as long as there are rooms: most connections are in one.</summary>
    public RoomEntry[] Rooms { get; set; } = [];
}

/// <summary>A connection node and what it said of itself.</summary>
internal sealed class NodeEntry(string nodeId)
{
    public string NodeId { get; } = nodeId;

    public Dictionary<string, ConnectionEntry> Connections { get; } = new(StringComparer.Ordinal);

    /// <summary>The rooms that devices show, by connection: apart from the connections, because most have none.</summary>
    public Dictionary<string, string> Focused { get; } = new(StringComparer.Ordinal);

    /// <summary>Users whose presence sessions of the node watch.</summary>
    public HashSet<string> Watched { get; } = new(StringComparer.Ordinal);

    /// <summary>Rooms with connections of the node that are auditoriums.</summary>
    public HashSet<string> Auditoriums { get; } = new(StringComparer.Ordinal);

    /// <summary>Sum over all of these, as <see cref="PresenceHeartbeat.Digest"/> says.</summary>
    public ulong Digest { get; set; }

    /// <summary>Of the last report that is in the picture.</summary>
    public ulong Version { get; set; }

    /// <summary>The picture of this node is whole: deltas can be applied to it.</summary>
    public bool Known { get; set; }

    /// <summary>A hole or a difference was found; cleared by the next snapshot.</summary>
    public bool NeedsSnapshot { get; set; }

    /// <summary>It was known, then silent too long: what it brings when it is back is news to its rooms.</summary>
    public bool Expired { get; set; }

    /// <summary>Timestamp of the last report of any kind.</summary>
    public long LastHeard { get; set; }

    /// <summary>Timestamp of the last request for a snapshot, or of the last part that came; null when none was requested.</summary>
    public long? AskedAt { get; set; }

    /// <summary>Parts of a snapshot that is not complete; null when none is coming in.</summary>
    public SnapshotAssembly? Assembly { get; set; }

    /// <summary>A device of the node shows a room to its user, or none: empty.</summary>
    public void SetFocus(string connectionId, string roomId)
    {
        if (Focused.Remove(connectionId, out var before))
        {
            Digest -= Contracts.Digest.OfFocused(connectionId, before);
        }

        if (roomId.Length > 0 && Connections.ContainsKey(connectionId))
        {
            Focused[connectionId] = roomId;
            Digest += Contracts.Digest.OfFocused(connectionId, roomId);
        }
    }
}
