using System.Data.Common;
using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>What the rooms know of a user, on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlUserData(ISqlDialect dialect) : IUserData
{
    // 20 and 21 are the field numbers of RoomEvent.message and RoomEvent.member.
    private const string Messages = """
        select l.body, c.state
        from room_log l
        join rooms r on r.room_id = l.room_id
        left join message_changes c on c.room_id = l.room_id and c.created_seq = l.seq
        where l.room_id = @room and l.seq > @after and l.seq <= @to and l.kind = 20 and l.sender_id = @user and l.seq >= r.first_seq and not r.deleted
        order by l.seq
        """;

    private const string Entries = """
        select l.seq, coalesce(c.updated_seq, l.seq), c.state is not null, coalesce(c.state, l.body), l.kind, l.idempotency_key, l.seq < r.first_seq or r.deleted
        from room_log l
        join rooms r on r.room_id = l.room_id
        left join message_changes c on c.room_id = l.room_id and c.created_seq = l.seq
        where l.room_id = @room and l.sender_id = @user and l.idempotency_key > @after
        order by l.idempotency_key limit @count + 1
        """;

    private const string About = """
        select seq, sender_id, body from room_log where room_id = @room and seq > @after and seq <= @to and (sender_id = @user or kind = 21)
        """;

    private const string States = "select created_seq, state from message_changes where room_id = @room and created_seq > @after and created_seq <= @to";

    public Task<Listed<string>> ListRoomsAsync(string afterRoomId, int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            "select room_id from rooms where room_id > @after order by room_id limit @count + 1", ("after", afterRoomId), ("count", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<string> rooms = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            rooms.Add(reader.GetString(0));
        }

        return rooms.Count > limit ? new Listed<string>(rooms[..limit], HasMore: true) : new Listed<string>(rooms, HasMore: false);
    }, cancellationToken);

    public Task<IReadOnlyList<UserRoom>> FindRoomsAsync(
        string userId, IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            $"""
            select r.room_id, r.deleted, (select max(l.seq) from room_log l where l.room_id = r.room_id)
            from {dialect.RowsTable("rooms", "room_id")} k
            join rooms r on r.room_id = k.room_id
            where exists (select 1 from room_log l where l.room_id = r.room_id and l.sender_id = @user)
                or exists (select 1 from members m where m.room_id = r.room_id and m.user_id = @user)
            order by r.room_id
            """,
            ("user", userId));
        dialect.AddRows(command, "rooms", [.. roomIds]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<UserRoom> rooms = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            rooms.Add(new UserRoom(reader.GetString(0), reader.GetBoolean(1), reader.GetInt64(2)));
        }

        return (IReadOnlyList<UserRoom>)rooms;
    }, cancellationToken);

    public Task<Listed<UserEntry>> ListEntriesAsync(
        string roomId, string userId, string afterKey, ReadLimit limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(Entries, ("room", roomId), ("user", userId), ("after", afterKey), ("count", limit.Count));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<UserEntry> entries = [];
        var bytes = 0;
        while (await reader.ReadAsync(CancellationToken.None))
        {
            if (entries.Count == limit.Count || bytes > limit.Bytes)
            {
                return new Listed<UserEntry>(entries, HasMore: true);
            }

            var (isMessage, isGone, key) = (reader.GetInt16(4) == 20, reader.GetBoolean(6), reader.GetString(5));
            var entry = new UserEntry(key, isMessage && !isGone ? reader.GetMessage(0) : null, isMessage ? null : reader.GetEvent(3));
            bytes += (entry.Message?.CalculateSize() ?? 0) + (entry.Entry?.CalculateSize() ?? 0);
            entries.Add(entry);
        }

        return new Listed<UserEntry>(entries, HasMore: false);
    }, cancellationToken);

    public Task<IReadOnlyList<string>> FindMessagesAsync(
        string roomId, string userId, long afterSeq, long toSeq, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(Messages, ("room", roomId), ("user", userId), ("after", afterSeq), ("to", toSeq));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<string> ids = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            if (reader.IsDBNull(1) || Message.Parser.ParseFrom(reader.GetFieldValue<byte[]>(1)).DeletedAtMs == 0)
            {
                ids.Add(reader.GetEvent(0).Message.MessageId);
            }
        }

        return (IReadOnlyList<string>)ids;
    }, cancellationToken);

    public Task EraseAsync(
        string roomId, string userId, long afterSeq, long toSeq, bool keepsMessages, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            var range = ((string, object)[])[("room", roomId), ("after", afterSeq), ("to", toSeq)];
            foreach (var (seq, entry) in await ReadAboutAsync(Set(command, About, [.. range, ("user", userId)]), userId, keepsMessages))
            {
                await UpdateAsync(command, "update room_log set body = @body where room_id = @room and seq = @seq", roomId, seq, entry);
            }

            foreach (var (seq, state) in await ReadStatesAsync(Set(command, States, range), userId))
            {
                await UpdateAsync(command, "update message_changes set state = @body where room_id = @room and created_seq = @seq", roomId, seq, state);
            }

            return true;
        }), cancellationToken);

    public Task ForgetAsync(string roomId, string userId, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            Set(command, "delete from read_marks where room_id = @room and user_id = @user", ("room", roomId), ("user", userId));
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.CommandText = "update members set username = '' where room_id = @room and user_id = @user";
            return await command.ExecuteNonQueryAsync(CancellationToken.None);
        }), cancellationToken);

    private static async Task<List<(long Seq, RoomEvent Entry)>> ReadAboutAsync(DbCommand command, string userId, bool keepsMessages)
    {
        List<(long, RoomEvent)> entries = [];
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var (isOwn, entry) = (reader.GetString(1) == userId, reader.GetEvent(2));
            var isAbout = entry.Member?.UserId == userId;
            if (!isOwn && !isAbout)
            {
                continue;
            }

            if (isOwn)
            {
                entry = keepsMessages ? ErasedEntries.Unname(entry) : ErasedEntries.Empty(entry);
            }

            if (isAbout)
            {
                entry.Member!.Username = "";
            }

            entries.Add((reader.GetInt64(0), entry));
        }

        return entries;
    }

    private static async Task<List<(long Seq, Message State)>> ReadStatesAsync(DbCommand command, string userId)
    {
        List<(long, Message)> states = [];
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var state = Message.Parser.ParseFrom(reader.GetFieldValue<byte[]>(1));
            if (state.UserId == userId && state.Username.Length > 0)
            {
                state.Username = "";
                states.Add((reader.GetInt64(0), state));
            }
        }

        return states;
    }

    private static Task<int> UpdateAsync(DbCommand command, string sql, string roomId, long seq, IMessage body) =>
        Set(command, sql, ("room", roomId), ("seq", seq), ("body", body.ToByteArray())).ExecuteNonQueryAsync(CancellationToken.None);

    private static DbCommand Set(DbCommand command, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        command.CommandText = sql;
        command.Parameters.Clear();
        foreach (var (name, value) in parameters)
        {
            command.Parameters.Add(command.Parameter(name, value));
        }

        return command;
    }
}
