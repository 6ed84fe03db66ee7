using System.Data.Common;
using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The store on SQLite or PostgreSQL: one set of statements, two dialects.</summary>
internal sealed class SqlMessageStore(IMessageDialect dialect) : IMessageStore
{
    private readonly SqlFeed _feed = new(dialect);
    private volatile string? _epoch;

    public string Epoch => _epoch ?? throw new StoreUnavailableException("The store is not initialised yet.");

    public Task InitializeAsync(CancellationToken cancellationToken) => dialect.TryForAsLongAsItTakesAsync(async () =>
    {
        var epoch = await Schema.UpdateAsync(dialect);
        if (await dialect.HasGoneBackAsync())
        {
            epoch = await RenewAsync(epoch);
        }

        await dialect.RememberAsync();
        _epoch = epoch;
        return true;
    }).WaitAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => TryAsync(async () => Seen(await ReadEpochAsync()), cancellationToken);

    public Task<string> RenewEpochAsync(string knownEpoch, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var epoch = Seen(await RenewAsync(knownEpoch));
        await dialect.RememberAsync();
        return epoch;
    }, cancellationToken);

    public Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.TakePartition, ("partition", partition), ("now", nowMs));
        return (long)(await command.ExecuteScalarAsync(CancellationToken.None))!;
    }, cancellationToken);

    public Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends, CancellationToken cancellationToken) =>
        TryAsync(() => dialect.AppendAsync(appends), cancellationToken);

    public Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(
        IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = SqlText.FindByKeys(dialect.RowsTable("keys", "room_id", "sender_id", "idempotency_key"));
        dialect.AddRows(command, "keys", Column(keys, key => key.RoomId), Column(keys, key => key.SenderId), Column(keys, key => key.IdempotencyKey));

        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var found = new Dictionary<EntryKey, RoomEvent>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            found[new EntryKey(reader.GetString(0), reader.GetString(1), reader.GetString(2))] = reader.GetEvent(3);
        }

        return found;
    }, cancellationToken);

    public Task<IReadOnlyList<FoundMessage>> FindMessagesAsync(IReadOnlyCollection<string> messageIds, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = SqlText.FindMessages(dialect.RowsTable("ids", "message_id"));
        dialect.AddRows(command, "ids", [.. messageIds]);

        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var found = new List<FoundMessage>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var message = reader.GetMessage(1);
            found.Add(new FoundMessage(reader.GetString(0), reader.GetBoolean(5) ? ErasedEntries.Expire(message) : message));
        }

        return (IReadOnlyList<FoundMessage>)found;
    }, cancellationToken);

    public Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = SqlText.Load(dialect.RowsTable("rooms", "room_id"), dialect.RowsTable("members", "room_id", "user_id"));
        dialect.AddRows(command, "rooms", [.. roomIds]);
        dialect.AddRows(command, "members", Column(members, member => member.RoomId), Column(members, member => member.UserId));

        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var loaded = new LoadedRooms("", new(roomIds.Count, StringComparer.Ordinal), new(members.Count));
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var id = reader.GetString(1);
            switch (reader.GetInt32(0))
            {
                case 0:
                    loaded = loaded with { Epoch = Seen(id) };
                    break;
                case 1:
                    loaded.Rooms[id] = new RoomHead(
                        id, reader.GetString(3), reader.GetInt32(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetString(7), reader.GetSettings(9),
                        reader.GetBoolean(8), (int)reader.GetInt64(10));
                    break;
                default:
                    loaded.Members[new MemberKey(id, reader.GetString(2))] = new Membership(
                        reader.GetString(3), reader.GetBoolean(8), reader.GetBoolean(11), reader.GetInt64(5), reader.GetInt64(6), reader.GetString(7));
                    break;
            }
        }

        return loaded;
    }, cancellationToken);

    public Task<Dictionary<string, CreatedRooms>> CountCreatedRoomsAsync(
        IReadOnlyCollection<string> userIds, long sinceMs, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.CountCreatedRooms(dialect.RowsTable("users", "user_id")), ("since", sinceMs));
        dialect.AddRows(command, "users", [.. userIds]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var counts = new Dictionary<string, CreatedRooms>(StringComparer.Ordinal);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            counts[reader.GetString(0)] = new CreatedRooms(reader.GetInt32(1), reader.GetInt32(2), reader.IsDBNull(3) ? 0 : reader.GetInt64(3));
        }

        return counts;
    }, cancellationToken);

    public Task<Dictionary<RoomSeq, long>> CountMessagesAsync(IReadOnlyCollection<RoomSeq> positions, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.CountMessages(dialect.RowsTable("positions", "room_id", "seq")));
        dialect.AddRows(command, "positions",
            Column(positions, position => position.RoomId), Column(positions, position => position.Seq.ToString(CultureInfo.InvariantCulture)));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var counts = new Dictionary<RoomSeq, long>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            counts[new RoomSeq(reader.GetString(0), reader.GetInt64(1))] = reader.GetInt64(2);
        }

        return counts;
    }, cancellationToken);

    public Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, ReadLimit limit, CancellationToken cancellationToken) =>
        ReadViewAsync(SqlText.Changes, reader, sinceSeq, limit, cancellationToken);

    public Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken) =>
        ReadViewAsync(range.After ? SqlText.Newer : SqlText.Older, reader, range.Seq, limit, cancellationToken);

    public Task<RoomView?> ReadThreadAsync(
        MemberKey reader, long rootSeq, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken) =>
        ReadViewAsync(range.After ? SqlText.NewerReplies : SqlText.OlderReplies, reader, range.Seq, limit, cancellationToken, ("root", rootSeq));

    public Task<RoomView?> ReadPinsAsync(MemberKey reader, long beforePinnedSeq, ReadLimit limit, CancellationToken cancellationToken) =>
        ReadViewAsync(SqlText.Pins, reader, beforePinnedSeq, limit, cancellationToken);

    public Task<Dictionary<string, int>> CountPinsAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.CountPins(dialect.RowsTable("rooms", "room_id")));
        dialect.AddRows(command, "rooms", [.. roomIds]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            counts[reader.GetString(0)] = reader.GetInt32(1);
        }

        return counts;
    }, cancellationToken);

    public Task<LogView?> ReadEventsAsync(
        string roomId, long fromSeq, long toSeq, ReadLimit limit, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            SqlText.Events, ("room", roomId), ("from", fromSeq), ("to", toSeq), ("count", limit.Count), ("bytes", limit.Bytes));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        LogView? view = null;
        var total = 0L;
        while (await reader.ReadAsync(CancellationToken.None))
        {
            view ??= new LogView(Seen(reader.GetString(0)), reader.GetInt64(1), [], HasMore: false);
            if (!reader.IsDBNull(2))
            {
                total = reader.GetInt64(2);
                view.Events.Add(reader.GetEvent(3));
            }
        }

        return view is null ? null : view with { HasMore = total > view.Events.Count };
    }, cancellationToken);

    public Task<RoomsPage> ListRoomsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.ListRooms, ("user", userId), ("after", afterRoomId), ("count", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var page = new RoomsPage("", [], HasMore: false);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            page = page with { Epoch = Seen(reader.GetString(0)), HasMore = page.Rooms.Count == limit };
            if (!page.HasMore && !reader.IsDBNull(1))
            {
                page.Rooms.Add(new MemberRoom(reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetInt64(4)));
            }
        }

        return page;
    }, cancellationToken);

    public Task<FeedHeads> ReadFeedHeadsAsync(CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var heads = await _feed.ReadHeadsAsync();
        Seen(heads.Epoch);
        return heads;
    }, cancellationToken);

    public Task<FeedPage> ReadFeedAsync(FeedHeads heads, int partition, FeedPosition from, ReadLimit limit, CancellationToken cancellationToken)
    {
        var head = heads.ByPartition.GetValueOrDefault(partition);
        if (from.Flush > head.Flush)
        {
            return Task.FromResult(new FeedPage(heads.Epoch, [], from, HasMore: false)); // A partition's flushes have rising numbers, whoever owns it.
        }

        return dialect.Tail.Read(heads.Epoch, partition, head, from, limit) is { } page ? Task.FromResult(page) : TryAsync(async () =>
        {
            var page = await _feed.ReadAsync(partition, from, limit);
            Seen(page.Epoch);
            return page;
        }, cancellationToken);
    }

    public ValueTask DisposeAsync() => dialect.DisposeAsync();

    private Task<RoomView?> ReadViewAsync(
        string sql, MemberKey user, long seq, ReadLimit limit, CancellationToken cancellationToken, params (string, object)[] more) => TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            sql, ("room", user.RoomId), ("user", user.UserId), ("seq", seq), ("count", limit.Count), ("bytes", limit.Bytes));
        foreach (var (name, value) in more)
        {
            command.Parameters.Add(command.Parameter(name, value));
        }

        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        RoomView? view = null;
        var total = 0L;
        while (await reader.ReadAsync(CancellationToken.None))
        {
            view ??= new RoomView(
                Seen(reader.GetString(0)),
                new RoomHead(user.RoomId, reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetString(5), FirstSeq: reader.GetInt64(16)),
                new Membership(reader.GetString(6), reader.GetBoolean(7), reader.GetBoolean(8), reader.GetInt64(9), reader.GetInt64(10)),
                [],
                HasMore: false);
            if (!reader.IsDBNull(11))
            {
                total = reader.GetInt64(11);
                view.Messages.Add(reader.GetMessage(12));
            }
        }

        return view is null ? null : view with { HasMore = total > view.Messages.Count };
    }, cancellationToken);

    private async Task<string> RenewAsync(string knownEpoch)
    {
        await using (var connection = await dialect.OpenAsync())
        {
            await using var command = connection.CreateCommand(SqlText.RenewEpoch, ("epoch", Schema.NewEpoch()), ("known", knownEpoch));
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }

        return await ReadEpochAsync();
    }

    private async Task<string> ReadEpochAsync()
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.Epoch);
        return (string)(await command.ExecuteScalarAsync(CancellationToken.None))!;
    }

    /// <summary>Another process may have renewed it.</summary>
    private string Seen(string epoch)
    {
        if (_epoch is not null && _epoch != epoch)
        {
            _epoch = epoch;
        }

        return epoch;
    }

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

    private Task<T> TryAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken) => dialect.TryAsync(work, cancellationToken);
}
