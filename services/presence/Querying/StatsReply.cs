using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Querying;

/// <summary>Counts of the cluster. With very many rooms only the busiest are listed, so that the answer stays one message.</summary>
internal static class StatsReply
{
    /// <param name="map">The picture.</param>
    /// <param name="limit">Rooms listed at most.</param>
    public static Stats From(PresenceMap map, int limit)
    {
        var stats = new Stats { TotalConnections = (uint)map.ConnectionCount };
        var busiest = map.Rooms.Count <= limit ? map.Rooms.Values : Busiest(map, limit);
        foreach (var room in busiest)
        {
            stats.Rooms[room.RoomId] = new RoomStats { Connections = (uint)room.Users.Total, Users = (uint)room.Online };
        }

        return stats;
    }

    private static IEnumerable<RoomEntry> Busiest(PresenceMap map, int limit)
    {
        var queue = new PriorityQueue<RoomEntry, int>(limit + 1);
        foreach (var room in map.Rooms.Values)
        {
            queue.Enqueue(room, room.Users.Total);
            if (queue.Count > limit)
            {
                queue.Dequeue();
            }
        }

        return queue.UnorderedItems.Select(item => item.Element);
    }
}
