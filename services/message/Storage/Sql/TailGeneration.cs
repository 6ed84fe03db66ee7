using System.Runtime.InteropServices;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Consecutive rows of the tail, by room and by key. Not safe for several threads.</summary>
internal sealed class TailGeneration
{
    private readonly Dictionary<string, List<TailEntry>> _rooms = new(StringComparer.Ordinal);
    private readonly Dictionary<EntryKey, TailEntry> _keys = [];

    /// <summary>Id of the last row; 0 when there is none.</summary>
    public long LastId { get; private set; }

    /// <summary>Number of entries.</summary>
    public int Count => _keys.Count;

    /// <summary>Bytes of their rows.</summary>
    public long Bytes { get; private set; }

    public void Add(TailRow row)
    {
        foreach (var entry in row.Entries)
        {
            _keys[entry.Key] = entry;
            if (!_rooms.TryGetValue(entry.Key.RoomId, out var room))
            {
                _rooms.Add(entry.Key.RoomId, room = []);
            }

            room.Add(entry);
        }

        LastId = row.Id;
        Bytes += row.Bytes.Length;
    }

    public TailEntry? Find(in EntryKey key) => _keys.GetValueOrDefault(key);

    /// <returns>0 when the room has no entry.</returns>
    public long LastSeq(string roomId) => _rooms.TryGetValue(roomId, out var room) ? room[^1].Seq : 0;

    /// <summary>A room's entries after one seq and before another, in their order.</summary>
    public ReadOnlySpan<TailEntry> Slice(string roomId, long after, long before)
    {
        if (!_rooms.TryGetValue(roomId, out var room))
        {
            return [];
        }

        var start = FirstAfter(room, after);
        return CollectionsMarshal.AsSpan(room)[start..Math.Max(start, FirstAfter(room, before - 1))];
    }

    /// <summary>All entries, a room's beside each other and in their order.</summary>
    public TailEntry[] ByRoom() => [.. _rooms.OrderBy(room => room.Key, StringComparer.Ordinal).SelectMany(room => room.Value)];

    private static int FirstAfter(List<TailEntry> room, long seq)
    {
        var (low, high) = (0, room.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = room[middle].Seq <= seq ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
