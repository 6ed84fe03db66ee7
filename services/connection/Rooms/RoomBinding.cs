using Tertulia.Connections.Events;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>One room on this node: its local members, how far it was delivered, and what the rest of the cluster said of it.</summary>
/// <remarks>Order of locks: this one, then an outbox's, or that of the presence reports. Never two rooms' at once.</remarks>
/// <param name="roomId">The room.</param>
/// <param name="views">How entries are shown.</param>
/// <param name="exits">How members are taken out.</param>
/// <param name="log">Remembers what was delivered.</param>
/// <param name="emptySince">Time stamp of now: a room without members is given up some time later.</param>
internal sealed partial class RoomBinding(string roomId, EntryViews views, RoomExits exits, DeliveryLog log, long emptySince)
{
    private readonly MemberList _members = new();
    private readonly EventOrder _order = new();
    private bool _repairing;

    /// <summary>Everything that changes in the room and all of its members' states.</summary>
    public Lock Gate { get; } = new();

    public string RoomId { get; } = roomId;

    /// <summary>Epoch of the store that gave the seqs; empty while there is no base.</summary>
    public string Epoch { get; private set; } = "";

    /// <summary>The last seq that was delivered to the members; 0 while there is no base.</summary>
    public long LastSeq => _order.Last;

    /// <summary>Members of the room as its log says, all nodes together.</summary>
    public uint MemberCount { get; private set; }

    /// <summary>Local members.</summary>
    public int LocalCount => _members.Count;

    /// <summary>Time stamp at which the last local member left; null while there is one.</summary>
    public long? EmptySince { get; private set; } = emptySince;

    /// <summary>The node gave the room up. Final: the next member makes a new binding.</summary>
    public bool Removed { get; private set; }

    /// <summary>A member was shown the users of this node only. So it is until all are told, or a count.</summary>
    public bool IsListPartial { get; private set; }

    /// <summary>Other nodes that hold the room. Replaced, never changed.</summary>
    public string[] OtherNodes { get; private set; } = [];

    /// <returns>False when the room was given up meanwhile.</returns>
    public bool TryAdd(RoomMember member)
    {
        lock (Gate)
        {
            if (Removed)
            {
                return false;
            }

            _members.Add(member);
            member.BeginFrom(LastSeq);
            EmptySince = null;
            return true;
        }
    }

    /// <returns>False when it had left before.</returns>
    public bool Remove(RoomMember member, long now)
    {
        lock (Gate)
        {
            if (member.State == MemberState.Left)
            {
                return false;
            }

            if (member.State == MemberState.Live)
            {
                Remember(member);
            }

            member.Leave();
            _members.Remove(member);
            if (_members.Count == 0)
            {
                EmptySince = now;
            }

            return true;
        }
    }

    /// <summary>The other nodes that hold the room.</summary>
    public void SetTopology(IReadOnlyList<string> nodeIds, string self)
    {
        lock (Gate)
        {
            OtherNodes = [.. nodeIds.Where(id => id != self)];
        }
    }

    /// <summary>A user came or went, the count of a large room changed, or all users of the room are told anew.</summary>
    public void OnPresence(RoomPresenceChange change, TimeProvider time)
    {
        lock (Gate)
        {
            IsListPartial &= !change.CountsOnly && !change.Complete;
            if (change.CountsOnly)
            {
                _online = change.Online;
                _countDue = true;
                TryTellCount(time);
                return;
            }

            if (change.Complete)
            {
                (_online, _countDue) = (null, false);
                foreach (var part in PresenceStateEvent.Cut(RoomId, change.Joined))
                {
                    OfferPassing(part, exceptUser: null);
                }

                return;
            }

            foreach (var user in change.Joined)
            {
                OfferPassing(new UserJoinedEvent(RoomId, user), user.UserId);
            }

            foreach (var user in change.Left)
            {
                OfferPassing(new UserLeftEvent(RoomId, user), user.UserId);
            }

            foreach (var user in change.Changed)
            {
                OfferPassing(new PresenceEvent(RoomId, user), exceptUser: null);
            }
        }
    }

    /// <summary>Its local members at this moment.</summary>
    public RoomMember[] Members()
    {
        lock (Gate)
        {
            return _members.Span.ToArray();
        }
    }

    /// <summary>The sessions of its local members.</summary>
    public List<Session> Sessions()
    {
        var sessions = new List<Session>();
        lock (Gate)
        {
            foreach (var member in _members.Span)
            {
                sessions.Add(member.Session);
            }
        }

        return sessions;
    }

    /// <summary>The users this node knows to be in the room and visible, at most <paramref name="limit"/>, for a member: the list is partial from now on.</summary>
    public List<PresentUser> LocalUsers(int limit, ChosenStatuses chosen)
    {
        var users = new List<PresentUser>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        lock (Gate)
        {
            IsListPartial = true;
            foreach (var member in _members.Span)
            {
                if (users.Count < limit && member.Session.Caller is { } caller && seen.Add(caller.UserId) && chosen.IsVisible(caller.UserId))
                {
                    users.Add(chosen.Show(caller.UserId, caller.Username));
                }
            }
        }

        return users;
    }

    private void OfferPassing(ServerEvent serverEvent, string? exceptUser)
    {
        foreach (var member in _members.Span)
        {
            if (member.UserId != exceptUser)
            {
                member.OfferPassing(serverEvent);
            }
        }
    }
}
