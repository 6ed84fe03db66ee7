using System.Collections.Concurrent;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Rooms;

/// <summary>The rooms of this node, by room id.</summary>
internal sealed class RoomHub(EntryViews views, RoomExits exits, DeliveryLog log, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, RoomBinding> _rooms = new(StringComparer.Ordinal);

    /// <summary>Rooms this node holds.</summary>
    public int Count => _rooms.Count;

    /// <summary>All rooms; those that come or go meanwhile may be missing.</summary>
    public IEnumerable<RoomBinding> Rooms => _rooms.Select(room => room.Value);

    /// <summary>The room, or null when this node does not hold it.</summary>
    public RoomBinding? Find(string roomId) => _rooms.GetValueOrDefault(roomId);

    /// <summary>A session enters a room: what happens in it from now on waits for the session.</summary>
    public RoomMember Enter(Session session, string roomId, string userId)
    {
        while (true)
        {
            if (!_rooms.TryGetValue(roomId, out var room))
            {
                var created = new RoomBinding(roomId, views, exits, log, time.GetTimestamp());
                room = _rooms.GetOrAdd(roomId, created);
                if (room == created)
                {
                    Telemetry.Rooms.Add(1);
                }
            }

            var member = new RoomMember(session, room, userId);
            if (room.TryAdd(member))
            {
                return member;
            }

            Forget(room); // Given up in this moment: the first to see it takes it out.
        }
    }

    /// <summary>Takes out a room that was given up.</summary>
    public void Forget(RoomBinding room)
    {
        if (_rooms.TryRemove(KeyValuePair.Create(room.RoomId, room)))
        {
            Telemetry.Rooms.Add(-1);
        }
    }
}
