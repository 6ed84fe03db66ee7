using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Counts of large rooms: at most one a second for each, so that entering a room costs its members the same however large it is.</summary>
internal sealed class RoomCounts(PendingChanges changes, PresenceMap map)
{
    private readonly Dictionary<string, uint> _told = new(StringComparer.Ordinal);

    /// <summary>A count may not have reached the members: the next one is told even if it is the same.</summary>
    public void Forget(string roomId)
    {
        _told.Remove(roomId);
        changes.LargeRooms.Add(roomId);
    }

    /// <summary>Called once a second, before the other changes are taken.</summary>
    public void AddTo(ChangeBatches batches, Func<string, bool> owns)
    {
        foreach (var roomId in changes.LargeRooms)
        {
            if (!map.Rooms.TryGetValue(roomId, out var room) || !owns(roomId))
            {
                _told.Remove(roomId);
                continue;
            }

            var online = (uint)room.Online;
            if (!changes.IsLarge(room))
            {
                _told.Remove(roomId);
                changes.TellWhole(roomId); // No longer large: its members were not told who came and went meanwhile.
            }
            else if (_told.GetValueOrDefault(roomId) != online)
            {
                _told[roomId] = online;
                batches.AddRoom(room, new RoomPresenceChange { RoomId = roomId, Online = online, CountsOnly = true });
            }
        }

        changes.LargeRooms.Clear();
    }
}
