using System.Data.Common;
using System.Globalization;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The part of migration 5 that no statement can do: ids and counts of the messages that are in the log already, and SQLite's former tail.</summary>
internal static class MessageBackfill
{
    /// <summary>The migration it belongs to.</summary>
    public const int Version = 5;

    private const int PageSize = 1_000;

    private const string Page = """
        select room_id, seq, body from room_log
        where kind = 20 and (room_id, seq) > (@room, @seq)
        order by room_id, seq limit 1000
        """; // PageSize

    private const string Count = """
        update room_log set messages = counted.messages
        from (select room_id, seq, sum(case when kind = 20 then 1 else 0 end) over (partition by room_id order by seq) as messages from room_log) counted
        where room_log.room_id = counted.room_id and room_log.seq = counted.seq
        """;

    /// <summary>In the migration's transaction.</summary>
    public static async Task RunAsync(IMessageDialect dialect, DbCommand command)
    {
        await dialect.MoveTailAsync(command);
        command.CommandText = Count;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        var (room, seq, read) = ("", 0L, PageSize);
        while (read == PageSize)
        {
            List<(string Id, string Room, long Seq)> page = [];
            command.CommandText = Page;
            command.Parameters.Add(command.Parameter("room", room));
            command.Parameters.Add(command.Parameter("seq", seq));
            await using (var reader = await command.ExecuteReaderAsync(CancellationToken.None))
            {
                while (await reader.ReadAsync(CancellationToken.None))
                {
                    page.Add((reader.GetEvent(2).Message.MessageId, reader.GetString(0), reader.GetInt64(1)));
                }
            }

            command.Parameters.Clear();
            await StoreAsync(dialect, command, page);
            read = page.Count;
            (room, seq) = read > 0 ? (page[^1].Room, page[^1].Seq) : (room, seq);
        }
    }

    private static async Task StoreAsync(IMessageDialect dialect, DbCommand command, List<(string Id, string Room, long Seq)> page)
    {
        if (page.Count == 0)
        {
            return;
        }

        command.CommandText = dialect.StoreMessageIds;
        dialect.AddRows(
            command, "ids", [.. page.Select(row => row.Id)], [.. page.Select(row => row.Room)],
            [.. page.Select(row => row.Seq.ToString(CultureInfo.InvariantCulture))]);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        command.Parameters.Clear();
    }
}
