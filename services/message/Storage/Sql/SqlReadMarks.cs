using System.Data.Common;
using System.Globalization;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Read marks on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlReadMarks(ISqlDialect dialect) : IReadMarks
{
    // The newest entries of a room that are not read. 20 is the field number of RoomEvent.message.
    private static readonly string OwnSeq = $"""
        (select max(o.seq) from (
            select l.seq, l.sender_id, l.kind from room_log l
            where l.room_id = k.room_id and l.seq > coalesce(r.own_after, 0)
            order by l.seq desc limit {IReadMarks.OwnMessagesWithin}) o
         where o.sender_id = k.user_id and o.kind = 20)
        """;

    // Where the log begins later than the mark, because its beginning was removed, the count before its first entry.
    private const string CountAt = """
        coalesce(
            (select l.messages from room_log l where l.room_id = p.room_id and l.seq <= p.seq order by l.seq desc limit 1),
            (select l.messages - case when l.kind = 20 then 1 else 0 end from room_log l where l.room_id = p.room_id order by l.seq limit 1))
        """;

    private const string LastSeq = "(select max(seq) from room_log where room_id = p.room_id)";

    private static readonly string Total = $"""
        with p as materialized ({Positions("(select room_id, user_id from members where user_id = @user and role <> '' and not banned)")})
        select coalesce(sum(h.messages - {CountAt}), 0)
        from p
        join room_log h on h.room_id = p.room_id and h.seq = {LastSeq}
        """;

    public Task WriteAsync(IReadOnlyCollection<ReadMark> marks, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            // In one order for all writers: two that write the same marks wait for each other and never in a circle.
            var ordered = marks.OrderBy(mark => mark.Reader.RoomId, StringComparer.Ordinal).ThenBy(mark => mark.Reader.UserId, StringComparer.Ordinal).ToArray();
            await WriteAsync(command, Array.FindAll(ordered, mark => !mark.IsExact), "where excluded.seq > read_marks.seq");
            await WriteAsync(command, Array.FindAll(ordered, mark => mark.IsExact), "");
            return true;
        }), cancellationToken);

    public Task<Dictionary<MemberKey, ReadState>> ReadAsync(IReadOnlyCollection<MemberKey> readers, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            with p as materialized ({Positions(dialect.RowsTable("readers", "room_id", "user_id"))})
            select p.room_id, p.user_id, p.seq, {CountAt}, h.seq, h.messages
            from p
            join room_log h on h.room_id = p.room_id and h.seq = {LastSeq}
            """;
        dialect.AddRows(command, "readers", [.. readers.Select(reader => reader.RoomId)], [.. readers.Select(reader => reader.UserId)]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var states = new Dictionary<MemberKey, ReadState>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            states[new MemberKey(reader.GetString(0), reader.GetString(1))] =
                new ReadState(reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5));
        }

        return states;
    }, cancellationToken);

    public Task<long> CountUnreadAsync(string userId, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(Total, ("user", userId));
        return Convert.ToInt64(await command.ExecuteScalarAsync(CancellationToken.None), CultureInfo.InvariantCulture);
    }, cancellationToken);

    // What is kept no longer is not unread.
    private static string Positions(string readers) => $"""
        select m.room_id, m.user_id, case when m.seq < x.first_seq - 1 then x.first_seq - 1 else m.seq end as seq
        from (select k.room_id, k.user_id, coalesce({OwnSeq}, r.seq, 0) as seq
              from {readers} k
              left join read_marks r on r.room_id = k.room_id and r.user_id = k.user_id) m
        join rooms x on x.room_id = m.room_id
        """;

    private async Task WriteAsync(DbCommand command, ReadMark[] marks, string condition)
    {
        if (marks.Length == 0)
        {
            return;
        }

        command.CommandText = $"""
            insert into read_marks (room_id, user_id, seq, own_after)
            select room_id, user_id, cast(seq as bigint), cast(own_after as bigint)
            from {dialect.RowsTable("marks", "room_id", "user_id", "seq", "own_after")} m
            where true
            on conflict (room_id, user_id) do update set seq = excluded.seq,
                own_after = case when excluded.own_after > read_marks.own_after then excluded.own_after else read_marks.own_after end
            {condition}
            """;
        command.Parameters.Clear();
        dialect.AddRows(command, "marks",
            Column(marks, mark => mark.Reader.RoomId), Column(marks, mark => mark.Reader.UserId),
            Column(marks, mark => Text(mark.Seq)), Column(marks, mark => Text(mark.IsExact ? mark.LastSeq : mark.Seq)));
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        command.Parameters.Clear();
    }

    private static string[] Column(ReadMark[] marks, Converter<ReadMark, string> value) => Array.ConvertAll(marks, value);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
