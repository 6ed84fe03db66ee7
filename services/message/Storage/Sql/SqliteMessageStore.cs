using Microsoft.Data.Sqlite;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The store on SQLite: the log as everywhere, and the tail that it does not hold yet.</summary>
/// <remarks>
/// A read takes the tail first and the log after it. What is moved in between is found twice and told by its seq; nothing is missed, and since a room's
/// entries are appended and moved in their order, the two together are the room at one moment.
/// </remarks>
internal sealed class SqliteMessageStore(SqliteDialect dialect) : IMessageStore
{
    private readonly SqlMessageStore _log = new(dialect);
    private readonly LogTail _tail = dialect.Tail;

    public string Epoch => _log.Epoch;

    public Task InitializeAsync(CancellationToken cancellationToken) => _log.InitializeAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => _log.CheckAsync(cancellationToken);

    public Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken) =>
        _log.TakePartitionAsync(partition, nowMs, cancellationToken);

    public Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken) =>
        _log.AppendAsync(entries, cancellationToken);

    public async Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken);
        var newest = keys.Select(key => _tail.Find(key)).OfType<TailEntry>().ToArray();
        var found = await _log.FindByKeysAsync(keys, cancellationToken);
        foreach (var entry in newest)
        {
            found[entry.Key] = entry.Event;
        }

        return found;
    }

    public async Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken);
        var lastSeqs = roomIds.Select(roomId => (RoomId: roomId, LastSeq: _tail.LastSeq(roomId))).ToArray();
        var loaded = await _log.LoadAsync(roomIds, members, cancellationToken);
        foreach (var (roomId, lastSeq) in lastSeqs)
        {
            if (loaded.Rooms.TryGetValue(roomId, out var head) && lastSeq > head.LastSeq)
            {
                loaded.Rooms[roomId] = head with { LastSeq = lastSeq };
            }
        }

        return loaded;
    }

    public Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, int limit, CancellationToken cancellationToken) =>
        ReadPageAsync(reader, HistoryRange.AfterSeq(sinceSeq), limit, cancellationToken);

    public async Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, int limit, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken);
        var (after, before) = range.After ? (range.Seq, long.MaxValue) : (0, range.Seq);
        var newest = _tail.Read(reader.RoomId, after, before, limit, newest: !range.After);
        var lastSeq = _tail.LastSeq(reader.RoomId);
        var view = await _log.ReadPageAsync(reader, range, limit, cancellationToken);
        return view is null ? null : view with
        {
            Head = view.Head with { LastSeq = Math.Max(lastSeq, view.Head.LastSeq) },
            Messages = Merge(view.Messages, message => message.Seq, newest, SqlMessageStore.MessageOf, limit, range.After),
        };
    }

    public async Task<LogView?> ReadEventsAsync(string roomId, long fromSeq, long toSeq, int limit, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken);
        var newest = _tail.Read(roomId, fromSeq - 1, toSeq == long.MaxValue ? toSeq : toSeq + 1, limit, newest: false);
        var lastSeq = _tail.LastSeq(roomId);
        var view = await _log.ReadEventsAsync(roomId, fromSeq, toSeq, limit, cancellationToken);
        return view is null ? null : new LogView(
            Math.Max(lastSeq, view.LastSeq), Merge(view.Events, entry => entry.Seq, newest, entry => entry, limit, first: true));
    }

    public async Task<IReadOnlyList<RoomSummary>> ListRoomsAsync(string userId, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken);
        var rooms = await _log.ListRoomsAsync(userId, cancellationToken);
        foreach (var room in rooms)
        {
            room.Seq = Math.Max(room.Seq, _tail.LastSeq(room.RoomId));
        }

        return rooms;
    }

    public ValueTask DisposeAsync() => _log.DisposeAsync();

    /// <summary>The first or the last of both, each once, in the order of their seqs.</summary>
    private static List<T> Merge<T>(List<T> stored, Func<T, long> seqOf, TailEntry[] newest, Func<RoomEvent, T> read, int limit, bool first)
    {
        if (newest.Length == 0)
        {
            return stored;
        }

        var known = stored.Select(seqOf).ToHashSet();
        var all = stored.Concat(newest.Where(entry => !known.Contains(entry.Seq)).Select(entry => read(entry.Event))).OrderBy(seqOf);
        return [.. first ? all.Take(limit) : all.TakeLast(limit)];
    }

    private Task<bool> CatchUpAsync(CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        SqliteTail.CatchUp((SqliteConnection)connection, _tail);
        return true;
    });
}
