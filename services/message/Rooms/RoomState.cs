using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>What the room's one writer knows of it. Touched by the flush loop only.</summary>
internal sealed class RoomState(string roomId, int partition)
{
    private static readonly RoomSettings None = new();

    private readonly Dictionary<string, MemberState> _members = new(StringComparer.Ordinal);
    private bool _wasLoaded;

    public string RoomId { get; } = roomId;

    public int Partition { get; } = partition;

    /// <summary>False until it was read from the store, and again when another writer may have changed it.</summary>
    public bool IsLoaded { get; set; }

    /// <summary>It was created, and not deleted since.</summary>
    public bool Exists { get; set; }

    /// <summary>It was there, and its id is not used again.</summary>
    public bool IsDeleted { get; set; }

    /// <summary><c>open</c>, <c>private</c>, <c>direct</c> or <c>auditorium</c>.</summary>
    public string Kind => Settings.Kind;

    /// <summary>What the room is like. Replaced, never changed: the log holds it.</summary>
    public RoomSettings Settings { get; set; } = None;

    /// <summary>Who created it; empty when that is not known.</summary>
    public string CreatedBy { get; set; } = "";

    /// <summary>When users last wrote, Unix milliseconds, as far as slow mode needs to know; null without slow mode.</summary>
    public Dictionary<string, long>? LastSent { get; set; }

    /// <summary>Number of members who own it, those of the present flush included.</summary>
    public int Owners { get; set; }

    /// <summary>Number of members, those of the present flush included.</summary>
    public uint Members { get; set; }

    /// <summary>Number of pinned messages, those of the present flush included; null until a command needs it.</summary>
    public int? Pins { get; set; }

    /// <summary>Users who are invited and have not answered; null when that is not known.</summary>
    public int? Invited { get; set; }

    /// <summary>The newest entry's seq, those of the present flush included.</summary>
    public long LastSeq { get; set; }

    /// <summary>The newest entry's seq when the room was last read.</summary>
    public long StoredSeq { get; private set; }

    /// <summary>Up to this seq the subscribers have been told: by events, or by the answer to their subscription.</summary>
    /// <remarks>A store that holds less than this went back in time. What it holds beyond it was written by another owner, and is told.</remarks>
    public long ToldSeq { get; set; }

    /// <summary>Nodes that receive the room's events. The array is replaced, never changed: a flush that is being published keeps its own.</summary>
    public string[] Subscribers { get; private set; } = [];

    /// <summary>The array that was last sent to the nodes as the room's topology.</summary>
    public string[] AnnouncedSubscribers { get; set; } = [];

    /// <summary>The present flush's events; null when it has none.</summary>
    public RoomEvents? Pending { get; set; }

    /// <summary>What the present flush appends; null when it is nothing.</summary>
    public List<LogEntry>? Entries { get; set; }

    /// <summary>The present flush has events or a changed topology of this room.</summary>
    public bool IsTouched { get; set; }

    /// <summary>Its append did not succeed, so that its commands are decided again, or left to their nodes.</summary>
    public bool IsUndone { get; set; }

    /// <summary>Users whose membership is known.</summary>
    public int CachedMembers => _members.Count;

    /// <summary>A user's place in the room, loaded or not yet.</summary>
    public MemberState MemberOf(string userId)
    {
        if (!_members.TryGetValue(userId, out var member))
        {
            _members[userId] = member = new MemberState(userId);
        }

        return member;
    }

    /// <summary>Forgets what the store may know better. Subscribers are not in the store: they stay.</summary>
    public void Unload()
    {
        IsLoaded = false;
        Pins = Invited = null;
        ForgetMembers();
    }

    /// <summary>Makes room in memory; who is needed is read again. Not during a flush that holds members.</summary>
    public void ForgetMembers()
    {
        foreach (var member in _members.Values)
        {
            member.IsLoaded = false;
        }

        _members.Clear();
    }

    /// <summary>Takes over what the store says.</summary>
    /// <param name="head">Null when there is no such room.</param>
    public void Load(RoomHead? head)
    {
        if (!_wasLoaded)
        {
            // Nothing was told before: nodes that subscribe learn from here on.
            (_wasLoaded, ToldSeq) = (true, head?.LastSeq ?? 0);
        }

        IsLoaded = true;
        Exists = head is { IsDeleted: false };
        IsDeleted = head is { IsDeleted: true };
        Settings = head is { } found ? found.Settings ?? new RoomSettings { Kind = found.Kind } : None;
        CreatedBy = head?.CreatedBy ?? "";
        Owners = head?.Owners ?? 0;
        Pins = Invited = null;
        LastSent = null;
        Members = (uint)(head?.Members ?? 0);
        LastSeq = StoredSeq = head?.LastSeq ?? 0;
    }

    /// <summary>A message of the room is pinned no more.</summary>
    public void Unpin(Message message)
    {
        Pins--;
        (message.PinnedSeq, message.PinnedAtMs, message.PinnedBy) = (0, 0, "");
    }

    /// <summary>The flush that decided about it is over.</summary>
    public void EndFlush() => (Pending, Entries, IsTouched, IsUndone) = (null, null, false, false);

    /// <returns>False when the node was subscribed already.</returns>
    public bool Subscribe(string nodeId)
    {
        if (IsSubscribed(nodeId))
        {
            return false;
        }

        Subscribers = [.. Subscribers, nodeId];
        return true;
    }

    /// <returns>False when the node was not subscribed.</returns>
    public bool Unsubscribe(string nodeId)
    {
        if (!IsSubscribed(nodeId))
        {
            return false;
        }

        Subscribers = Array.FindAll(Subscribers, subscriber => subscriber != nodeId);
        return true;
    }

    public bool IsSubscribed(string nodeId) => Array.IndexOf(Subscribers, nodeId) >= 0;
}

/// <summary>A user's place in a room, as the flush in progress leaves it.</summary>
internal sealed class MemberState(string userId)
{
    public string UserId { get; } = userId;

    /// <summary>False until it was read from the store.</summary>
    public bool IsLoaded { get; set; }

    public Membership Membership { get; set; } = Membership.None;

    /// <summary>The latest read mark that this replica has decided; 0 when it has decided none. It is written, or about to be.</summary>
    public long ReadSeq { get; set; }
}
