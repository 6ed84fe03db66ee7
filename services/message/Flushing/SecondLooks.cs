using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Flushing;

/// <summary>Rooms that a new owner read while an append of the old owner may still have been under way: they are read once more when that is over.</summary>
/// <remarks>Where the store locks the partition while it appends, nothing of an older owner lands after the take, and the second look finds nothing. Others only refuse
/// the older owner's epoch, and look at it before they write. Belongs to one flush loop.</remarks>
internal sealed class SecondLooks(OwnedPartitions owned)
{
    private readonly HashSet<RoomState>?[] _rooms = new HashSet<RoomState>?[owned.Count];

    /// <summary>The room was read. Within the takeover window of its partition it is looked at again.</summary>
    public void Note(RoomState room)
    {
        if (owned.InWindow(room.Partition))
        {
            (_rooms[room.Partition] ??= []).Add(room);
        }
    }

    /// <summary>The room could not be looked at: it stays due.</summary>
    public void Keep(RoomState room) => (_rooms[room.Partition] ??= []).Add(room);

    /// <summary>The partition was given up, or is taken again.</summary>
    public void Forget(int partition) => _rooms[partition] = null;

    /// <summary>Takes rooms of a partition whose takeover window is over.</summary>
    /// <param name="due">Receives them.</param>
    /// <param name="max">At most this many.</param>
    public void Take(List<RoomState> due, int max)
    {
        for (var partition = 0; partition < _rooms.Length && due.Count < max; partition++)
        {
            if (_rooms[partition] is not { } rooms || owned.InWindow(partition))
            {
                continue;
            }

            foreach (var room in rooms)
            {
                if (due.Count == max)
                {
                    break;
                }

                due.Add(room);
                rooms.Remove(room);
            }

            if (rooms.Count == 0)
            {
                _rooms[partition] = null;
            }
        }
    }
}
