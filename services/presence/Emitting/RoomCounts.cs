using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Counts of large rooms: at most one a second for each, so that entering a room costs its members the same however large it is.</summary>
internal sealed class RoomCounts(PendingChanges changes, PresenceMap map)
{
    private readonly Dictionary<string, uint> _told = new(StringComparer.Ordinal);

    /// <summary>Called once a second.</summary>
    public void AddTo(ChangeBatches batches, Func<string, bool> owns)
    {
        foreach (var roomId in changes.LargeRooms)
        {
            if (!map.Rooms.TryGetValue(roomId, out var room) || !owns(roomId))
            {
                _told.Remove(roomId);
                continue;
            }

            var online = (uint)room.Users.Count;
            if (_told.GetValueOrDefault(roomId) != online)
            {
                _told[roomId] = online;
                batches.AddRoom(room, new RoomPresenceChange { RoomId = roomId, Online = online, CountsOnly = true });
            }

            if (online <= changes.LargeRoomUsers)
            {
                _told.Remove(roomId); // No longer large: the next changes are told one by one.
            }
        }

        changes.LargeRooms.Clear();
    }
}
