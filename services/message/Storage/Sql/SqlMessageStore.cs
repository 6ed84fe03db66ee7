using System.Data.Common;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The store on SQLite or PostgreSQL: one set of statements, two dialects.</summary>
/// <remarks>Every read is one statement, so that all it returns is of one moment in both databases without a transaction.</remarks>
internal sealed class SqlMessageStore(ISqlDialect dialect) : IMessageStore
{
    private string? _epoch;

    public string Epoch => _epoch ?? throw new StoreUnavailableException("The store is not initialised yet.");

    public Task InitializeAsync(CancellationToken cancellationToken) => TryAsync(async () =>
    {
        _epoch = await Schema.UpdateAsync(dialect, cancellationToken);
        return true;
    });

    public Task CheckAsync(CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand(SqlText.Check);
        return await command.ExecuteScalarAsync(cancellationToken);
    });

    public Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand(SqlText.TakePartition, ("partition", partition), ("now", nowMs));
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    });

    public Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken) =>
        TryAsync(() => dialect.AppendAsync(entries, cancellationToken));

    public Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(
        IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = SqlText.FindByKeys(dialect.RowsTable("keys", "room_id", "sender_id", "idempotency_key"));
        dialect.AddRows(command, "keys", Column(keys, key => key.RoomId), Column(keys, key => key.SenderId), Column(keys, key => key.IdempotencyKey));

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new Dictionary<EntryKey, RoomEvent>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found[new EntryKey(reader.GetString(0), reader.GetString(1), reader.GetString(2))] = ReadEvent(reader, 3);
        }

        return found;
    });

    public Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = SqlText.Load(dialect.RowsTable("rooms", "room_id"), dialect.RowsTable("members", "room_id", "user_id"));
        dialect.AddRows(command, "rooms", [.. roomIds]);
        dialect.AddRows(command, "members", Column(members, member => member.RoomId), Column(members, member => member.UserId));

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var loaded = new LoadedRooms(new(roomIds.Count, StringComparer.Ordinal), new(members.Count));
        while (await reader.ReadAsync(cancellationToken))
        {
            var roomId = reader.GetString(0);
            loaded.Rooms[roomId] = new RoomHead(roomId, reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3));
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            loaded.Members[new MemberKey(reader.GetString(0), reader.GetString(1))] = new Membership(reader.GetString(2), reader.GetBoolean(3));
        }

        return loaded;
    });

    public Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, int limit, CancellationToken cancellationToken) =>
        ReadViewAsync(SqlText.Newer, reader, sinceSeq, limit, cancellationToken);

    public Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, int limit, CancellationToken cancellationToken) =>
        ReadViewAsync(range.After ? SqlText.Newer : SqlText.Older, reader, range.Seq, limit, cancellationToken);

    public Task<LogView?> ReadEventsAsync(
        string roomId, long fromSeq, long toSeq, int limit, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand(
            SqlText.Events, ("room", roomId), ("from", fromSeq), ("to", toSeq), ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        LogView? view = null;
        while (await reader.ReadAsync(cancellationToken))
        {
            view ??= new LogView(reader.GetInt64(0), []);
            if (!await reader.IsDBNullAsync(1, cancellationToken))
            {
                view.Events.Add(ReadEvent(reader, 1));
            }
        }

        return view;
    });

    public Task<IReadOnlyList<RoomSummary>> ListRoomsAsync(string userId, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand(SqlText.ListRooms, ("user", userId));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rooms = new List<RoomSummary>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rooms.Add(new RoomSummary { RoomId = reader.GetString(0), Epoch = Epoch, Role = reader.GetString(1), Seq = reader.GetInt64(2) });
        }

        return (IReadOnlyList<RoomSummary>)rooms;
    });

    public ValueTask DisposeAsync() => dialect.DisposeAsync();

    private Task<RoomView?> ReadViewAsync(string sql, MemberKey user, long seq, int limit, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand(
            sql, ("room", user.RoomId), ("user", user.UserId), ("seq", seq), ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        RoomView? view = null;
        while (await reader.ReadAsync(cancellationToken))
        {
            view ??= new RoomView(
                new RoomHead(user.RoomId, reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2)),
                new Membership(reader.GetString(3), reader.GetBoolean(4)),
                []);
            if (!await reader.IsDBNullAsync(5, cancellationToken))
            {
                view.Messages.Add(MessageOf(ReadEvent(reader, 5)));
            }
        }

        return view;
    });

    /// <summary>The message of a log entry.</summary>
    public static Message MessageOf(RoomEvent entry)
    {
        var message = entry.Message;
        return new Message
        {
            MessageId = message.MessageId,
            Seq = entry.Seq,
            UpdatedSeq = entry.Seq,
            UserId = entry.UserId,
            Username = entry.Username,
            Content = message.Content,
            CreatedAtMs = entry.CreatedAtMs,
            ClientMsgId = message.ClientMsgId,
            ReplyTo = message.ReplyTo,
            Metadata = message.Metadata,
        };
    }

    private static RoomEvent ReadEvent(DbDataReader reader, int column) => RoomEvent.Parser.ParseFrom(reader.GetFieldValue<byte[]>(column));

    private static string[] Column<T>(IReadOnlyCollection<T> rows, Func<T, string> value)
    {
        var column = new string[rows.Count];
        var index = 0;
        foreach (var row in rows)
        {
            column[index++] = value(row);
        }

        return column;
    }

    private Task<T> TryAsync<T>(Func<Task<T>> work) => dialect.TryAsync(work);
}
