using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>Answers from memory what many ask of the same rooms: the newest page, and what changed since a moment ago.</summary>
/// <remarks>
/// Memory is never believed without the store: each question reads the room's last seq, the reader's place and the epoch, together with all others that are asked at
/// that moment, and what is kept counts only when the room is still there. So any replica may answer, whoever writes the room, and also after the store went back
/// (ADR 25). What is behind is brought up to date by reading what changed, once for all who wait. What changes without a seq (old messages that are removed)
/// shows after <see cref="MaxAge"/>.
/// </remarks>
internal sealed class RecentRooms(IMessageStore store, IOptions<ReadOptions> options, TimeProvider time)
{
    /// <summary>What was read so long ago is read anew.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);

    private const int MaxRounds = 3; // Then the room is read as a whole: it is written faster than it is read.

    private readonly long _maxBytes = options.Value.CachedBytes;
    private readonly Gathered<MemberKey, LoadedRooms> _heads = new(readers => store.LoadAsync(
        [.. readers.Select(reader => reader.RoomId).Distinct(StringComparer.Ordinal)], readers, CancellationToken.None));

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Room>> _rooms = new(StringComparer.Ordinal);
    private readonly LinkedList<Room> _byUse = []; // The latest first.
    private long _bytes;

    /// <summary>Bytes that are kept, about.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>As <see cref="IMessageStore.ReadPageAsync"/> of the newest messages; with the room's settings when they come from memory. The messages may be shared: they are not to be changed.</summary>
    public async Task<RoomView?> ReadNewestAsync(MemberKey reader, int count)
    {
        if (Find(reader.RoomId) is { } room)
        {
            var (known, view) = await CurrentAsync(room, reader);
            if (view is null)
            {
                return null;
            }

            if (known is not null && known.TryTakePage(count, out var page, out var hasMore))
            {
                return view with { Head = view.Head with { FirstSeq = known.FirstSeq }, Messages = page, HasMore = hasMore };
            }
        }

        var timestamp = time.GetTimestamp();
        var read = await store.ReadPageAsync(reader, HistoryRange.Newest, ReadLimit.Of(count), CancellationToken.None);
        KeepOrForget(reader.RoomId, read is null ? null : RecentMessages.OfPage(read, timestamp));
        return read;
    }

    /// <summary>As <see cref="IMessageStore.ReadChangesAsync"/>; with the room's settings when they come from memory. The messages may be shared: they are not to be changed.</summary>
    public async Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, ReadLimit limit)
    {
        if (Find(reader.RoomId) is { } room)
        {
            var (current, view) = await CurrentAsync(room, reader);
            if (view is null)
            {
                return null;
            }

            if (current is not null && current.TryTakeChanges(sinceSeq, out var changes) && changes.Count <= limit.Count)
            {
                return view with { Head = view.Head with { FirstSeq = current.FirstSeq }, Messages = changes };
            }
        }

        var timestamp = time.GetTimestamp();
        var read = await store.ReadChangesAsync(reader, sinceSeq, limit, CancellationToken.None);
        if (read is not null && sinceSeq <= read.Head.LastSeq && RecentMessages.OfChanges(read, sinceSeq, timestamp) is { } known)
        {
            KeepOrForget(reader.RoomId, known); // Of a position long ago nothing is kept, and what is kept stays.
        }

        return read;
    }

    /// <returns>What is known of the room at the moment of the view, or nothing; and the view, without messages, or null when there is no such room.</returns>
    private async Task<(RecentMessages? Known, RoomView? View)> CurrentAsync(Room room, MemberKey reader)
    {
        for (var round = 1; ; round++)
        {
            var loaded = await _heads.AskAsync(reader);
            if (!loaded.Rooms.TryGetValue(reader.RoomId, out var head) || head.IsDeleted)
            {
                KeepOrForget(reader.RoomId, known: null);
                return (null, null);
            }

            head = head with { Settings = head.Settings ?? new RoomSettings { Kind = head.Kind } };
            var view = new RoomView(loaded.Epoch, head, loaded.Members.GetValueOrDefault(reader, Membership.None), [], HasMore: false);
            var known = room.Known;
            if (known.IsOf(loaded.Epoch, head))
            {
                return (known, view);
            }

            if (round == MaxRounds)
            {
                return (null, view);
            }

            // Another reader may have brought it further meanwhile: then only this reader's place is read again.
            if ((known.Epoch != loaded.Epoch || known.LastSeq <= head.LastSeq) && !await room.UpdateAsync(() => UpdateAsync(room, reader)))
            {
                return (null, view);
            }
        }
    }

    private async Task<bool> UpdateAsync(Room room, MemberKey reader)
    {
        await Task.Yield(); // The caller holds the room's lock, and SQLite reads on the thread that asks.
        var known = room.Known;
        var limit = ReadLimit.Of(RecentMessages.MaxCount);
        var changes = await store.ReadChangesAsync(reader, known.LastSeq, limit, CancellationToken.None);
        var updated = changes is null ? null : known.With(changes);
        KeepOrForget(reader.RoomId, updated, room);
        return updated is not null;
    }

    private Room? Find(string roomId)
    {
        lock (_gate)
        {
            if (!_rooms.TryGetValue(roomId, out var node))
            {
                return null;
            }

            if (time.GetElapsedTime(node.Value.Known.SinceTimestamp) > MaxAge)
            {
                Remove(node);
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value;
        }
    }

    /// <param name="roomId">The room.</param>
    /// <param name="known">Null: nothing of it is kept.</param>
    /// <param name="updated">The room whose next state it is; null when it was read beside what is kept.</param>
    private void KeepOrForget(string roomId, RecentMessages? known, Room? updated = null)
    {
        lock (_gate)
        {
            var node = _rooms.GetValueOrDefault(roomId);
            if (known is null || _maxBytes == 0)
            {
                if (node is not null)
                {
                    Remove(node);
                }

                return;
            }

            if (updated is not null && !ReferenceEquals(node?.Value, updated))
            {
                updated.Known = known; // Forgotten meanwhile: only those who wait for it use it.
                return;
            }

            if (node is null)
            {
                _rooms[roomId] = node = _byUse.AddFirst(new Room(roomId, known));
                _bytes += known.Bytes;
            }
            else
            {
                var next = updated is null ? node.Value.Known.And(known) : known;
                _bytes += next.Bytes - node.Value.Known.Bytes;
                node.Value.Known = next;
            }

            while (_bytes > _maxBytes)
            {
                Remove(_byUse.Last!);
            }
        }
    }

    private void Remove(LinkedListNode<Room> node)
    {
        _byUse.Remove(node);
        _rooms.Remove(node.Value.RoomId);
        _bytes -= node.Value.Known.Bytes;
    }

    /// <summary>A room that is kept.</summary>
    private sealed class Room(string roomId, RecentMessages known)
    {
        private readonly Lock _gate = new();
        private volatile RecentMessages _known = known;
        private Task<bool>? _updating;

        public string RoomId { get; } = roomId;

        public RecentMessages Known
        {
            get => _known;
            set => _known = value;
        }

        /// <summary>Brings it up to date, once for all who ask at the same time.</summary>
        /// <returns>False when that is not possible.</returns>
        public Task<bool> UpdateAsync(Func<Task<bool>> update)
        {
            lock (_gate)
            {
                return _updating is { IsCompleted: false } ? _updating : _updating = update();
            }
        }
    }
}
