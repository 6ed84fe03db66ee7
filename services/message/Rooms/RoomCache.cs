namespace Tertulia.Messages.Rooms;

/// <summary>The rooms of the partitions this replica owns. Touched by the flush loop only.</summary>
/// <param name="partitions">Partitions of the cluster.</param>
/// <param name="maxRooms">Rooms without subscribers are forgotten above this number.</param>
/// <param name="maxMembers">Memberships are forgotten above this number.</param>
internal sealed class RoomCache(int partitions, int maxRooms, int maxMembers)
{
    private readonly Dictionary<string, RoomState>[] _rooms = [.. Enumerable.Range(0, partitions).Select(_ => new Dictionary<string, RoomState>(StringComparer.Ordinal))];
    private int _count;

    /// <summary>The room, loaded or not.</summary>
    /// <param name="partition">Its partition.</param>
    /// <param name="roomId">The room.</param>
    public RoomState Find(int partition, string roomId)
    {
        var rooms = _rooms[partition];
        if (rooms.TryGetValue(roomId, out var room))
        {
            return room;
        }

        _count++;
        return rooms[roomId] = new RoomState(roomId, partition);
    }

    /// <summary>Another replica may have written the partition's rooms, or will.</summary>
    public void Drop(int partition)
    {
        _count -= _rooms[partition].Count;
        _rooms[partition].Clear();
    }

    /// <summary>A node is gone: it is subscribed nowhere any more.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="changed">Receives the rooms that had it.</param>
    public void RemoveNode(string nodeId, List<RoomState> changed)
    {
        foreach (var rooms in _rooms)
        {
            foreach (var room in rooms.Values)
            {
                if (room.Unsubscribe(nodeId))
                {
                    changed.Add(room);
                }
            }
        }
    }

    /// <summary>Between two flushes: keeps the memory bounded. What is forgotten is read again when it is needed.</summary>
    public void Trim()
    {
        if (_count > maxRooms)
        {
            foreach (var rooms in _rooms)
            {
                foreach (var (roomId, room) in rooms)
                {
                    if (room.Subscribers.Length == 0 && rooms.Remove(roomId))
                    {
                        _count--;
                    }
                }
            }
        }

        var members = 0L;
        foreach (var rooms in _rooms)
        {
            foreach (var room in rooms.Values)
            {
                members += room.CachedMembers;
                if (members > maxMembers)
                {
                    room.ForgetMembers();
                }
            }
        }
    }
}
