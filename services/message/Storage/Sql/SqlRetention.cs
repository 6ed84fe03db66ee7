using System.Data.Common;
using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Retention on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlRetention(ISqlDialect dialect) : IRetention
{
    private const string Columns = """
        select r.room_id, r.retention_days, r.first_seq, r.erased_seq, (select max(l.seq) from room_log l where l.room_id = r.room_id), r.deleted
        from rooms r
        """;

    private const string List = $"""
        {Columns}
        where (r.retention_days > 0 or r.deleted or r.erased_seq < r.first_seq) and r.room_id > @after and not (r.deleted and r.erased_seq = @all)
        order by r.room_id limit @count + 1
        """;

    private const string Times = "select seq, created_at_ms from room_log where room_id = @room and seq >= @from order by seq limit @count";

    // 20 and 23 are the field numbers of RoomEvent.message and RoomEvent.edited.
    private const string Texts = "select seq, body from room_log where room_id = @room and seq >= @from and seq < @to and kind in (20, 23)";

    private const string Changes = "select state from message_changes where room_id = @room and created_seq >= @from and created_seq < @to";

    private const string Text = "select seq, body from room_log where room_id = @room and seq = @seq";

    private const string Update = "update room_log set body = @body where room_id = @room and seq = @seq";

    public Task<Listed<RetainedRoom>> ListAsync(string afterRoomId, int limit, CancellationToken cancellationToken) =>
        dialect.ListAsync(List, limit, Read, cancellationToken, ("after", afterRoomId), ("all", long.MaxValue));

    public Task<RetainedRoom?> FindAsync(string roomId, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand($"{Columns} where r.room_id = @room", ("room", roomId));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        return await reader.ReadAsync(CancellationToken.None) ? Read(reader) : (RetainedRoom?)null;
    }, cancellationToken);

    public Task<long> FindFirstKeptAsync(
        string roomId, long fromSeq, long beforeMs, int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(Times, ("room", roomId), ("from", fromSeq), ("count", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var first = fromSeq;
        while (await reader.ReadAsync(CancellationToken.None) && reader.GetInt64(1) < beforeMs)
        {
            first = reader.GetInt64(0) + 1;
        }

        return first;
    }, cancellationToken);

    public Task EraseAsync(string roomId, long fromSeq, long toSeq, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            var range = ((string, object)[])[("room", roomId), ("from", fromSeq), ("to", toSeq)];
            var entries = await ReadAsync(Set(command, Texts, range));

            // The text of a message that was edited is in the log where it was edited.
            foreach (var textSeq in await TextSeqsAsync(Set(command, Changes, range), toSeq))
            {
                entries.AddRange(await ReadAsync(Set(command, Text, ("room", roomId), ("seq", textSeq))));
            }

            foreach (var (seq, entry) in entries)
            {
                await RunAsync(Set(command, Update, ("room", roomId), ("seq", seq), ("body", ErasedEntries.Empty(entry).ToByteArray())));
            }

            await RunAsync(Set(command, "delete from message_changes where room_id = @room and created_seq >= @from and created_seq < @to", range));
            await RunAsync(Set(command, "delete from thread_replies where room_id = @room and seq >= @from and seq < @to", range));
            await RunAsync(Set(
                command,
                """
                update rooms set erased_seq = @to, first_seq = case when first_seq < @to and deleted then @to else first_seq end
                where room_id = @room and erased_seq < @to
                """,
                ("room", roomId), ("to", toSeq)));
            return true;
        }), cancellationToken);

    private static RetainedRoom Read(DbDataReader reader) => new(
        reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetBoolean(5));

    private static async Task<List<(long Seq, RoomEvent Entry)>> ReadAsync(DbCommand command)
    {
        List<(long, RoomEvent)> entries = [];
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            entries.Add((reader.GetInt64(0), reader.GetEvent(1)));
        }

        return entries;
    }

    private static async Task<List<long>> TextSeqsAsync(DbCommand command, long toSeq)
    {
        List<long> seqs = [];
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var textSeq = Message.Parser.ParseFrom(reader.GetFieldValue<byte[]>(0)).TextSeq;
            if (textSeq >= toSeq)
            {
                seqs.Add(textSeq);
            }
        }

        return seqs;
    }

    private static Task<int> RunAsync(DbCommand command) => command.ExecuteNonQueryAsync(CancellationToken.None);

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
