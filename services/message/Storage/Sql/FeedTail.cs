using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The last flushes that this process has appended, so that followers who keep up read nothing from the database.</summary>
/// <remarks>
/// It has all flushes of a partition from some number on. In a SQLite file numbers are of the whole file, so an append sees that another process has written
/// meanwhile, and begins anew (<see cref="Clear"/>); elsewhere each partition counts its own, and a number that is left out was another process's. Who reads
/// from what is here is answered from memory; who begins further back reads the database.
/// </remarks>
/// <param name="countsByPartition">Each partition's flushes have numbers of their own, without gaps.</param>
/// <param name="maxBytes">Of what is kept, of all partitions together, with what keeping it takes.</param>
internal sealed class FeedTail(bool countsByPartition, long maxBytes = FeedTail.DefaultBytes)
{
    private const long DefaultBytes = 8 * 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly Queue<Kept> _flushes = []; // Of all partitions, the oldest first.
    private readonly Dictionary<int, Partition> _partitions = [];
    private long _first = long.MaxValue;
    private long _bytes;

    /// <summary>Keeps what a flush appended to a partition: in the order of the partition's flushes, before anybody else changes the events.</summary>
    public void Add(long flush, int partition, List<RoomAppend> appends)
    {
        var kept = new Kept(partition, flush, appends[0].OwnerEpoch, appends);
        lock (_lock)
        {
            _first = Math.Min(_first, flush);
            if (!_partitions.TryGetValue(partition, out var of) || (countsByPartition && flush != of.Last + 1))
            {
                _partitions[partition] = of = new Partition { KnownFrom = countsByPartition ? flush : _first };
            }

            of.Flushes.AddLast(kept);
            of.Last = flush;
            _flushes.Enqueue(kept);
            _bytes += kept.Size;
            while (_bytes > maxBytes && _flushes.TryDequeue(out var oldest))
            {
                _bytes -= oldest.Size;
                _partitions[oldest.Partition].LetGo(oldest);
            }
        }
    }

    /// <summary>Another process has written: what lies between is not here.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _flushes.Clear();
            _partitions.Clear();
            (_first, _bytes) = (long.MaxValue, 0);
        }
    }

    /// <summary>A page as <see cref="IMessageStore.ReadFeedAsync"/> gives it.</summary>
    /// <param name="epoch">Of the store.</param>
    /// <param name="partition">Its partition.</param>
    /// <param name="head">The partition's last flush as the database has it: nothing behind it is read, and nothing at all when it is not here.</param>
    /// <param name="from">Where it begins.</param>
    /// <param name="limit">Of entries.</param>
    /// <returns>Null when it has to be read from the database.</returns>
    public FeedPage? Read(string epoch, int partition, FeedHead head, FeedPosition from, ReadLimit limit)
    {
        List<Kept> flushes;
        lock (_lock)
        {
            if (!_partitions.TryGetValue(partition, out var of) || from.Flush < of.KnownFrom || !of.TryFind(from.Flush, head, limit.Count, out flushes))
            {
                return null;
            }
        }

        var entries = new List<FeedEntry>();
        var next = from;
        var left = limit.Bytes;
        foreach (var flush in flushes)
        {
            var skip = flush.Flush == from.Flush ? from.Entry : 0;
            var read = flush.ReadInto(entries, skip, limit.Count, ref left);
            if (read < flush.Count)
            {
                return new FeedPage(epoch, entries, new FeedPosition(flush.OwnerEpoch, flush.Flush, read), HasMore: true);
            }

            next = new FeedPosition(flush.OwnerEpoch, flush.Flush + 1, Entry: 0);
        }

        return new FeedPage(epoch, entries, next, HasMore: false);
    }

    private sealed class Partition
    {
        public LinkedList<Kept> Flushes { get; } = [];

        /// <summary>The newest one.</summary>
        public long Last { get; set; }

        /// <summary>The first flush of which it is known that nothing of the partition after it is missing here.</summary>
        public long KnownFrom { get; set; }

        /// <summary>The flush is the oldest one of all, here or in what was here before.</summary>
        public void LetGo(Kept oldest)
        {
            if (Flushes.First is { } first && ReferenceEquals(first.Value, oldest))
            {
                Flushes.RemoveFirst();
                KnownFrom = oldest.Flush + 1;
            }
        }

        /// <summary>The flushes from a number on up to the head, until they have more than so many entries. Who keeps up begins near the end, so it is
        /// sought from there.</summary>
        /// <returns>False when the head is not here.</returns>
        public bool TryFind(long from, FeedHead head, int maxEntries, out List<Kept> found)
        {
            found = [];
            var node = Flushes.Last;
            while (node is not null && node.Value.Flush > head.Flush)
            {
                node = node.Previous;
            }

            if (node is null || node.Value.Flush != head.Flush || node.Value.OwnerEpoch != head.OwnerEpoch)
            {
                return false;
            }

            while (node.Previous is { } previous && previous.Value.Flush >= from)
            {
                node = previous;
            }

            var behindFirst = 0; // Of the first flush, any part may have been read already.
            for (var next = node.Value.Flush >= from ? node : null; next is not null && next.Value.Flush <= head.Flush && behindFirst <= maxEntries; next = next.Next)
            {
                behindFirst += found.Count > 0 ? next.Value.Count : 0;
                found.Add(next.Value);
            }

            return true;
        }
    }

    /// <summary>What a flush appended to a partition.</summary>
    private sealed class Kept
    {
        private const int Overhead = 280; // The object, its place in the queue and the list, three arrays.
        private const int RoomOverhead = 16; // Of the array; the id is the rooms' own.

        // Written, as the database has them: who publishes an event adds to it afterwards where it came from.
        private readonly byte[] _bytes;
        private readonly int[] _ends; // Of each entry.
        private readonly (string RoomId, int Entries)[] _rooms;

        public Kept(int partition, long flush, long ownerEpoch, List<RoomAppend> appends)
        {
            (Partition, Flush, OwnerEpoch) = (partition, flush, ownerEpoch);
            _rooms = new (string, int)[appends.Count];
            var (entries, bytes) = (0, 0);
            for (var room = 0; room < appends.Count; room++)
            {
                var append = appends[room];
                _rooms[room] = (append.RoomId, append.Entries.Count);
                entries += append.Entries.Count;
                for (var i = 0; i < append.Entries.Count; i++)
                {
                    bytes += append.Entries[i].Event.CalculateSize();
                }
            }

            (_ends, _bytes) = (new int[entries], new byte[bytes]);
            var (entry, end) = (0, 0);
            foreach (var append in appends)
            {
                for (var i = 0; i < append.Entries.Count; i++)
                {
                    var roomEvent = append.Entries[i].Event;
                    var length = roomEvent.CalculateSize();
                    roomEvent.WriteTo(_bytes.AsSpan(end, length));
                    _ends[entry++] = end += length;
                }
            }
        }

        public int Partition { get; }

        public long Flush { get; }

        public long OwnerEpoch { get; }

        /// <summary>Entries.</summary>
        public int Count => _ends.Length;

        /// <summary>Bytes of memory, about.</summary>
        public int Size => _bytes.Length + (_ends.Length * sizeof(int)) + Overhead + (_rooms.Length * RoomOverhead);

        /// <returns>The entries of the flush that are read, those that were skipped included.</returns>
        public int ReadInto(List<FeedEntry> entries, int skip, int maxEntries, ref int bytesLeft)
        {
            var read = 0;
            foreach (var (roomId, count) in _rooms)
            {
                for (var i = 0; i < count; i++, read++)
                {
                    if (read < skip)
                    {
                        continue;
                    }

                    bytesLeft -= LengthOf(read);
                    if (entries.Count == maxEntries || (bytesLeft < 0 && entries.Count > 0))
                    {
                        return read;
                    }

                    entries.Add(new FeedEntry(roomId, RoomEvent.Parser.ParseFrom(_bytes.AsSpan(BeginOf(read), LengthOf(read)))));
                }
            }

            return read;
        }

        private int BeginOf(int entry) => entry == 0 ? 0 : _ends[entry - 1];

        private int LengthOf(int entry) => _ends[entry] - BeginOf(entry);
    }
}
