namespace Tertulia.Messages.Storage.Sql;

/// <summary>The newest messages of all rooms, which stand in <c>log_tail</c> and not yet in <c>room_log</c>, as this process knows them.</summary>
/// <remarks>
/// SQLite writes whole pages, and a message for one room among many is alone on its page, in the log's tree and in the unique key's. So an append
/// writes its messages in one row behind the last one. When a generation of them is full the next one begins, and the appends that fill that one move the
/// older into the log, a room's entries beside each other, some with each: a page then takes many messages at once. It is the first level of a
/// log-structured merge-tree (O'Neil et al., "The Log-Structured Merge-Tree", Acta Informatica 33, 1996), in one file and one transaction with everything else.
/// <para>Only the writer's thread changes it, but for a reader that finds more in the table, or less (<see cref="Add"/>, <see cref="ForgetUpTo"/>); any thread reads.</para>
/// </remarks>
/// <param name="generationEntries">Entries from which on a generation is full.</param>
internal sealed class LogTail(int generationEntries = LogTail.DefaultEntries)
{
    /// <summary>Entries of a generation: with a thousand busy rooms sixteen of each, moved together.</summary>
    public const int DefaultEntries = 16_384;

    private const long GenerationBytes = 16 * 1024 * 1024;
    private const int Steps = 128; // In which a generation is moved, at least.

    private readonly Lock _lock = new();
    private TailGeneration _young = new();
    private TailGeneration? _old;
    private TailEntry[] _moving = []; // All of _old.
    private int _moved;

    /// <summary>Id of the last row that is known; 0 at first.</summary>
    public long LastId { get; private set; }

    /// <summary>A row that was committed. What is known already is left out.</summary>
    public void Add(TailRow row)
    {
        lock (_lock)
        {
            if (row.Id <= LastId)
            {
                return;
            }

            LastId = row.Id;
            _young.Add(row);
            if (_old is null && (_young.Count >= generationEntries || _young.Bytes >= GenerationBytes))
            {
                (_old, _young) = (_young, new TailGeneration());
                (_moving, _moved) = (_old.ByRoom(), 0);
            }
        }
    }

    /// <summary>What an append is to move into the log. The old generation is gone before the young one is half full.</summary>
    /// <returns>Nothing as long as it would be little.</returns>
    public TailMove NextMove()
    {
        lock (_lock)
        {
            if (_old is null)
            {
                return default;
            }

            var filled = Math.Max((double)_young.Count / generationEntries, (double)_young.Bytes / GenerationBytes);
            var due = (int)Math.Min(_moving.Length, 2 * filled * _moving.Length) - _moved;
            var isLast = _moved + due == _moving.Length;
            return due > 0 && (isLast || due >= generationEntries / Steps)
                ? new TailMove(_moving.AsMemory(_moved, due), _old.LastId, isLast)
                : default;
        }
    }

    /// <summary>What <see cref="NextMove"/> said was committed.</summary>
    public void Moved(in TailMove move)
    {
        lock (_lock)
        {
            if (_old?.LastId != move.LastId)
            {
                return; // A reader has seen the commit first, and the next generation may have begun to move.
            }

            _moved += move.Entries.Length;
            if (move.IsLast)
            {
                Forget(move.LastId);
            }
        }
    }

    /// <summary>The rows up to this one are in the log, whoever moved them.</summary>
    public void ForgetUpTo(long id)
    {
        lock (_lock)
        {
            Forget(id);
        }
    }

    /// <returns>Null when no entry of the tail has this key.</returns>
    public TailEntry? Find(in EntryKey key)
    {
        lock (_lock)
        {
            return _young.Find(key) ?? _old?.Find(key);
        }
    }

    /// <returns>Seq of the room's last entry in the tail; 0 when it has none there.</returns>
    public long LastSeq(string roomId)
    {
        lock (_lock)
        {
            return LastSeqHere(roomId);
        }
    }

    /// <summary>Whether the tail has an entry with the same key, or one in the room with the same seq or a later one.</summary>
    public bool IsTaken(in LogEntry entry)
    {
        lock (_lock)
        {
            return LastSeqHere(entry.RoomId) >= entry.Event.Seq || _young.Find(entry.Key) is not null || _old?.Find(entry.Key) is not null;
        }
    }

    /// <summary>A room's entries after one seq and before another, in their order.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="after">Exclusive.</param>
    /// <param name="before">Exclusive.</param>
    /// <param name="limit">At most this many.</param>
    /// <param name="newest">Whether these are the last of them, instead of the first.</param>
    public TailEntry[] Read(string roomId, long after, long before, int limit, bool newest)
    {
        lock (_lock)
        {
            var old = _old is null ? [] : _old.Slice(roomId, after, before);
            var young = _young.Slice(roomId, after, before);
            if (newest)
            {
                young = young[^Math.Min(limit, young.Length)..];
                old = old[^Math.Min(limit - young.Length, old.Length)..];
            }
            else
            {
                old = old[..Math.Min(limit, old.Length)];
                young = young[..Math.Min(limit - old.Length, young.Length)];
            }

            return [.. old, .. young];
        }
    }

    private long LastSeqHere(string roomId) => Math.Max(_young.LastSeq(roomId), _old?.LastSeq(roomId) ?? 0);

    private void Forget(long id)
    {
        if (_old is not null && _old.LastId <= id)
        {
            (_old, _moving, _moved) = (null, [], 0);
        }
    }
}

/// <summary>Entries of the tail that are to be written to the log.</summary>
/// <param name="Entries">By room. Some may be in the log already.</param>
/// <param name="LastId">Id of their generation's last row; 0 when there is nothing to move.</param>
/// <param name="IsLast">The tail's rows up to <paramref name="LastId"/> are then all in the log.</param>
internal readonly record struct TailMove(ReadOnlyMemory<TailEntry> Entries, long LastId, bool IsLast);
