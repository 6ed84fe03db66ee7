using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Existence;

/// <summary>Rooms that may have become occupied or empty, and users who may have come or gone, for each who wants to know. Touched by <see cref="PresenceLoop"/>
/// only. Costs nothing while nobody does.</summary>
internal sealed class ExistenceWatches
{
    private readonly List<ExistenceWatch> _all = [];

    public void Add(ExistenceWatch watch) => _all.Add(watch);

    public void Remove(ExistenceWatch watch) => _all.Remove(watch);

    /// <summary>A user is about to enter the room, to leave it, or to be shown otherwise there. Only the first and the last one make a difference.</summary>
    /// <param name="room">As it was.</param>
    /// <param name="isIn">Others see the user in it.</param>
    public void TouchRoom(RoomEntry room, bool isIn)
    {
        if (room.Online == 0 || (room.Online == 1 && isIn))
        {
            foreach (var watch in _all)
            {
                watch.AddRoom(room.RoomId);
            }
        }
    }

    /// <summary>The user is about to come, to go, or to be shown otherwise.</summary>
    public void TouchUser(UserEntry user)
    {
        foreach (var watch in _all)
        {
            watch.AddUser(user.UserId);
        }
    }
}

/// <summary>What one has not been told yet.</summary>
internal sealed class ExistenceWatch
{
    private const int MaxWaiting = 500_000; // Of one that does not listen: about 50 MB.

    private HashSet<string> _rooms = new(StringComparer.Ordinal);
    private HashSet<string> _users = new(StringComparer.Ordinal);

    /// <summary>Too much waited: it must be told all again.</summary>
    public bool IsLost { get; private set; }

    public void AddRoom(string roomId) => Add(_rooms, roomId);

    public void AddUser(string userId) => Add(_users, userId);

    /// <summary>Takes out what waits.</summary>
    public (IReadOnlyCollection<string> Rooms, IReadOnlyCollection<string> Users) Take()
    {
        var taken = (_rooms, _users);
        (_rooms, _users) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        return taken;
    }

    private void Add(HashSet<string> ids, string id)
    {
        if (!IsLost)
        {
            ids.Add(id);
            if (_rooms.Count + _users.Count > MaxWaiting)
            {
                IsLost = true;
                Take();
            }
        }
    }
}
