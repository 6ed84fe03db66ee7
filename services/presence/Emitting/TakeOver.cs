using Tertulia.Bus;
using Tertulia.Presence.LastSeen;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Makes good what nobody told while a room's or a user's emitting replica was gone. Touched by <see cref="PresenceLoop"/> only.</summary>
/// <remarks>A new replica cannot know what the members were told last: it tells all users of every room that it emits for, and those who are watched. A replica that goes on when another
/// one died knows what changed shortly before, and tells only these rooms.</remarks>
internal sealed class TakeOver(PendingChanges changes, PresenceMap map, PresenceReplicas replicas, SeenWriter seen, TimeProvider time)
{
    /// <summary>A death is noticed after <see cref="Replicas.Timeout"/> and two ticks; the rest is for a flush that the dead one had under way.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);

    /// <summary>Before, the others may not have been heard: all rooms would seem to be this one's.</summary>
    private static readonly TimeSpan Listening = Replicas.Interval * 1.5;

    private string[]? _found;
    private string[] _watched = [];
    private IReadOnlyList<string> _live = [];
    private long _since;

    /// <summary>This replica emits from now on.</summary>
    public void Begin() => (_found, _watched, _since) = ([.. map.Rooms.Keys], [.. map.Watchers.Keys], time.GetTimestamp());

    /// <summary>Called about once a second after <see cref="Begin"/>.</summary>
    public void Tick()
    {
        if (_found is { } found)
        {
            if (time.GetElapsedTime(_since) >= Listening)
            {
                (_found, _live) = (null, replicas.Live);
                ReviewTaken(found, before: []);
                ReviewTakenUsers(_watched, before: []);
                _watched = [];
            }
        }
        else if (replicas.Live is var live && !live.SequenceEqual(_live))
        {
            var before = _live;
            _live = live;
            ReviewTaken(changes.RecentRooms, before);
            ReviewTakenUsers(changes.RecentUsers, before);
            seen.TakeOver(before);
            foreach (var userId in changes.RecentUsers.Where(userId => replicas.Took(userId, before)).ToArray())
            {
                changes.ForgetNodesOf(userId);
            }
        }

        if (time.GetElapsedTime(_since) >= Memory)
        {
            changes.Age();
            _since = time.GetTimestamp();
        }
    }

    private void ReviewTaken(IEnumerable<string> roomIds, IReadOnlyList<string> before)
    {
        foreach (var roomId in roomIds)
        {
            if (replicas.Took(roomId, before))
            {
                changes.Review(roomId);
            }
        }
    }

    private void ReviewTakenUsers(IEnumerable<string> userIds, IReadOnlyList<string> before)
    {
        foreach (var userId in userIds)
        {
            if (replicas.Took(userId, before))
            {
                changes.ReviewUser(userId);
            }
        }
    }
}
