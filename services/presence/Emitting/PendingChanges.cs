using System.Diagnostics.CodeAnalysis;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>What the nodes believed before the changes that they were not yet told of. Touched by <see cref="PresenceLoop"/> only.</summary>
/// <remarks>It keeps the state before, not the changes: a user who came and went between two flushes, or moved from one node to
/// another, or is in a snapshot that says what was known, makes no event. Its size is bounded by the picture's own, not by the time a flush takes.</remarks>
/// <param name="largeRoomUsers">Users above which a room gets counts only.</param>
internal sealed class PendingChanges(int largeRoomUsers)
{
    private readonly Dictionary<string, PendingRoom> _rooms = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string[]> _users = new(StringComparer.Ordinal);
    private readonly HashSet<string> _whole = new(StringComparer.Ordinal);
    private readonly Queue<string> _review = new();
    private Recent _recent = new();
    private Recent _older = new();

    /// <summary>Changes are taken as what was always there: a node is met for the first time, its rooms know its users already.</summary>
    public bool Muted { get; set; }

    /// <summary>Rooms that are large now or were, and whose count changed; emptied once a second by <see cref="RoomCounts"/>.</summary>
    public HashSet<string> LargeRooms { get; } = new(StringComparer.Ordinal);

    /// <summary>Users above which a room gets counts only.</summary>
    public int LargeRoomUsers { get; } = largeRoomUsers;

    public bool IsEmpty => _rooms.Count == 0 && _users.Count == 0 && _whole.Count == 0;

    /// <summary>Differences say nothing to the members of this room any more: they are told all of its users.</summary>
    public void TellWhole(string roomId)
    {
        _whole.Add(roomId);
        _rooms.Remove(roomId);
    }

    /// <summary>The members of this room may have missed a change: they are told all of its users, when it is this room's turn. Changes are told meanwhile.</summary>
    public void Review(string roomId) => _review.Enqueue(roomId);

    /// <summary>Rooms that changed since the last <see cref="Age"/> but one, told or not and whoever tells them.</summary>
    public IEnumerable<string> RecentRooms => _recent.Rooms.Union(_older.Rooms);

    /// <summary>Users whose nodes changed since the last <see cref="Age"/> but one.</summary>
    public IEnumerable<string> RecentUsers => _recent.Users.Union(_older.Users);

    /// <summary>What changed before the last call is not recent any more.</summary>
    public void Age() => (_recent, _older) = (new Recent(), _recent);

    /// <summary>The user is about to enter the room with a first device, to leave it with the last, or to get another name.</summary>
    public void TouchRoom(RoomEntry room, UserEntry user)
    {
        _recent.Rooms.Add(room.RoomId);
        if (room.Users.Count >= LargeRoomUsers && (room.Users.Count > LargeRoomUsers || room.Users.Times(user) == 0))
        {
            LargeRooms.Add(room.RoomId); // It is large, or becomes large by this.
            _rooms.Remove(room.RoomId);
        }
        else if (!Muted && !LargeRooms.Contains(room.RoomId) && !_whole.Contains(room.RoomId))
        {
            if (!_rooms.TryGetValue(room.RoomId, out var pending))
            {
                _rooms[room.RoomId] = pending = new PendingRoom();
            }

            pending.Before.TryAdd(user.UserId, new UserBefore(user.Username, room.Users.Times(user) > 0));
        }
    }

    /// <summary>The user is about to get or to lose a node.</summary>
    public void TouchUser(UserEntry user)
    {
        _recent.Users.Add(user.UserId);
        if (!_users.ContainsKey(user.UserId))
        {
            _users[user.UserId] = Array.ConvertAll(user.Nodes.ToArray(), node => node.NodeId);
        }
    }

    /// <summary>As far as is known here, no node was told of this user's nodes yet.</summary>
    public void ForgetNodesOf(string userId) => _users[userId] = [];

    public void Clear()
    {
        _rooms.Clear();
        _users.Clear();
        _whole.Clear();
        LargeRooms.Clear();
        (_recent, _older) = (new Recent(), new Recent());
    }

    /// <summary>Takes up to <paramref name="limit"/> rooms out.</summary>
    public List<KeyValuePair<string, PendingRoom>> TakeRooms(int limit) => Take(_rooms, limit);

    /// <summary>Takes up to <paramref name="limit"/> rooms out whose users are all to be told.</summary>
    public List<string> TakeWhole(int limit)
    {
        var taken = _whole.Take(limit).ToList();
        _whole.ExceptWith(taken);
        return taken;
    }

    /// <summary>Takes the next room out that is to be reviewed.</summary>
    public bool TryTakeReview([MaybeNullWhen(false)] out string roomId) => _review.TryDequeue(out roomId);

    /// <summary>Takes up to <paramref name="limit"/> users out, each with the nodes it had.</summary>
    public List<KeyValuePair<string, string[]>> TakeUsers(int limit) => Take(_users, limit);

    private static List<KeyValuePair<string, T>> Take<T>(Dictionary<string, T> from, int limit)
    {
        var taken = from.Count <= limit ? from.ToList() : [.. from.Take(limit)];
        foreach (var (key, _) in taken)
        {
            from.Remove(key);
        }

        return taken;
    }

    private sealed class Recent
    {
        public HashSet<string> Rooms { get; } = new(StringComparer.Ordinal);

        public HashSet<string> Users { get; } = new(StringComparer.Ordinal);
    }
}

/// <summary>Whether a user was in a room at the last flush.</summary>
internal readonly record struct UserBefore(string Username, bool Present);

/// <summary>The users of one room whose presence may have changed since the last flush.</summary>
internal sealed class PendingRoom
{
    public Dictionary<string, UserBefore> Before { get; } = new(StringComparer.Ordinal);
}
