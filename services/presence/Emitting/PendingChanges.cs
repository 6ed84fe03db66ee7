using System.Diagnostics.CodeAnalysis;
using Tertulia.Presence.Existence;
using Tertulia.Presence.Status;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>What the nodes believed before the changes that they were not yet told of. Touched by <see cref="PresenceLoop"/> only.</summary>
/// <remarks>It keeps the state before, not the changes: a user who came and went between two flushes, or moved from one node to
/// another, or is in a snapshot that says what was known, makes no event. Its size is bounded by the picture's own, not by the time a flush takes.</remarks>
/// <param name="largeRoomUsers">Users above which a room gets counts only.</param>
internal sealed class PendingChanges(int largeRoomUsers)
{
    private readonly Dictionary<string, PendingRoom> _rooms = new(StringComparer.Ordinal);
    private readonly Dictionary<string, UserBefore> _users = new(StringComparer.Ordinal);
    private readonly UniqueQueue _whole = new();
    private readonly UniqueQueue _reviewedRooms = new();
    private readonly UniqueQueue _reviewedUsers = new();
    private Recent _recent = new();
    private Recent _older = new();

    /// <summary>Changes are taken as what was always there: a node is met for the first time, its rooms know its users already.</summary>
    public bool Muted { get; set; }

    /// <summary>Who wants to know of rooms that become empty, and of users who go.</summary>
    public ExistenceWatches Existence { get; } = new();

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
    public void Review(string roomId) => _reviewedRooms.Add(roomId);

    /// <summary>Who watches this user may have missed a change: they are told how the user is shown, when it is this user's turn.</summary>
    public void ReviewUser(string userId) => _reviewedUsers.Add(userId);

    /// <summary>Rooms that changed since the last <see cref="Age"/> but one, told or not and whoever tells them.</summary>
    public IEnumerable<string> RecentRooms => _recent.Rooms.Union(_older.Rooms);

    /// <summary>Users whose nodes changed since the last <see cref="Age"/> but one.</summary>
    public IEnumerable<string> RecentUsers => _recent.Users.Union(_older.Users);

    /// <summary>What changed before the last call is not recent any more.</summary>
    public void Age() => (_recent, _older) = (new Recent(), _recent);

    /// <summary>Whether the members of the room are told counts only.</summary>
    public bool IsLarge(RoomEntry room) => room.IsAuditorium || room.Online > LargeRoomUsers;

    /// <summary>The members of this room are told how many there are, or all of them when it is not large any more, with the next counts.</summary>
    public void TellCount(string roomId)
    {
        LargeRooms.Add(roomId);
        _rooms.Remove(roomId);
    }

    /// <summary>The user is about to enter the room with a first device, to leave it with the last, to get another name, or to be shown otherwise.</summary>
    public void TouchRoom(RoomEntry room, UserEntry user)
    {
        var look = room.Users.Times(user) > 0 ? user.Look : null;
        Existence.TouchRoom(room, isIn: look is not null);
        _recent.Rooms.Add(room.RoomId);
        if (IsLarge(room) || (room.Online == LargeRoomUsers && look is null))
        {
            TellCount(room.RoomId); // It is large, or becomes large by this.
        }
        else if (!Muted && !LargeRooms.Contains(room.RoomId) && !_whole.Contains(room.RoomId))
        {
            if (!_rooms.TryGetValue(room.RoomId, out var pending))
            {
                _rooms[room.RoomId] = pending = new PendingRoom();
            }

            pending.Before.TryAdd(user.UserId, new MemberBefore(user.Username, look));
        }
    }

    /// <summary>The user is about to get or to lose a node, to choose a status, to get another name, or to be shown otherwise.</summary>
    public void TouchUser(UserEntry user)
    {
        Existence.TouchUser(user);
        _recent.Users.Add(user.UserId);
        if (!_users.ContainsKey(user.UserId))
        {
            var nodes = Array.ConvertAll(user.Nodes.ToArray(), node => node.NodeId);
            _users[user.UserId] = new UserBefore(nodes, user.Username, nodes.Length > 0 ? user.Look : null, nodes.Length > 0 ? user.Chosen?.Stamp ?? 0 : 0);
        }
    }

    /// <summary>As far as is known here, no node was told of this user's nodes yet, nor of what it has chosen.</summary>
    public void ForgetNodesOf(string userId)
    {
        var before = _users.GetValueOrDefault(userId);
        _users[userId] = new UserBefore([], before?.Username ?? "", before?.Look, 0);
    }

    /// <summary>The user's last connection to a node is about to close: the node forgets what it has chosen, and is told again should the user be back by the next flush.</summary>
    public void ForgetChosenOf(string userId)
    {
        if (_users.GetValueOrDefault(userId) is { } before)
        {
            _users[userId] = before with { Stamp = UserBefore.NothingTold };
        }
    }

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

    /// <summary>Takes a room out whose users are all to be told.</summary>
    public bool TryTakeWhole([MaybeNullWhen(false)] out string roomId) => _whole.TryTake(out roomId);

    /// <summary>Takes the next room out that is to be reviewed.</summary>
    public bool TryTakeReview([MaybeNullWhen(false)] out string roomId) => _reviewedRooms.TryTake(out roomId);

    /// <summary>Takes the next user out that is to be reviewed.</summary>
    public bool TryTakeUserReview([MaybeNullWhen(false)] out string userId) => _reviewedUsers.TryTake(out userId);

    /// <summary>Takes up to <paramref name="limit"/> users out, each as it was.</summary>
    public List<KeyValuePair<string, UserBefore>> TakeUsers(int limit) => Take(_users, limit);

    private static List<KeyValuePair<string, T>> Take<T>(Dictionary<string, T> from, int limit)
    {
        var taken = from.Count <= limit ? from.ToList() : [.. from.Take(limit)];
        foreach (var (key, _) in taken)
        {
            from.Remove(key);
        }

        return taken;
    }

    private sealed class UniqueQueue
    {
        private readonly Queue<string> _queue = new();
        private readonly HashSet<string> _queued = new(StringComparer.Ordinal);

        public int Count => _queue.Count;

        public bool Contains(string key) => _queued.Contains(key);

        public void Clear()
        {
            _queue.Clear();
            _queued.Clear();
        }

        public void Add(string key)
        {
            if (_queued.Add(key))
            {
                _queue.Enqueue(key);
            }
        }

        public bool TryTake([MaybeNullWhen(false)] out string key) => _queue.TryDequeue(out key) && _queued.Remove(key);
    }

    private sealed class Recent
    {
        public HashSet<string> Rooms { get; } = new(StringComparer.Ordinal);

        public HashSet<string> Users { get; } = new(StringComparer.Ordinal);
    }
}

/// <summary>How a member was shown in a room at the last flush.</summary>
/// <param name="Username">Its name.</param>
/// <param name="Look">Null when it was not there, or invisible.</param>
internal readonly record struct MemberBefore(string Username, Look? Look);

/// <summary>A user at the last flush.</summary>
/// <param name="Nodes">Where it was connected.</param>
/// <param name="Username">Its name.</param>
/// <param name="Look">How it was shown; null when it was offline or invisible.</param>
/// <param name="Stamp">Of the status it had chosen; 0 when it had not, or was not connected.</param>
internal sealed record UserBefore(string[] Nodes, string Username, Look? Look, long Stamp)
{
    /// <summary>A node does not know what the user has chosen, nor that it is nothing.</summary>
    public const long NothingTold = -1;
}

/// <summary>The users of one room whose presence may have changed since the last flush.</summary>
internal sealed class PendingRoom
{
    public Dictionary<string, MemberBefore> Before { get; } = new(StringComparer.Ordinal);
}
