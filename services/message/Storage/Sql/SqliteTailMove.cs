using System.Data.Common;
using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Moves what the versions before migration 5 kept in <c>log_tail</c> into <c>room_log</c>.</summary>
/// <remarks>A row is the messages of one append: of each entry room, sender, key (strings), seq, time (varints) and event (bytes), without tags.
/// Some of the oldest may be in the log already.</remarks>
internal static class SqliteTailMove
{
    private const string Insert = """
        insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, body)
        values (@room, @seq, @kind, @sender, @key, @at, @body)
        on conflict do nothing
        """;

    /// <summary>In the migration's transaction.</summary>
    public static async Task RunAsync(DbCommand command)
    {
        for (var rows = await ReadAsync(command, after: 0); rows.Count > 0; rows = await ReadAsync(command, rows[^1].Id))
        {
            foreach (var (_, entries) in rows)
            {
                await MoveAsync(command, entries);
            }
        }

        command.CommandText = "drop table log_tail";
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static async Task<List<(long Id, byte[] Entries)>> ReadAsync(DbCommand command, long after)
    {
        command.CommandText = "select id, entries from log_tail where id > @after order by id limit 100";
        command.Parameters.Add(command.Parameter("after", after));
        List<(long, byte[])> rows = [];
        await using (var reader = await command.ExecuteReaderAsync(CancellationToken.None))
        {
            while (await reader.ReadAsync(CancellationToken.None))
            {
                rows.Add((reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)));
            }
        }

        command.Parameters.Clear();
        return rows;
    }

    private static async Task MoveAsync(DbCommand command, byte[] entries)
    {
        command.CommandText = Insert;
        var input = new CodedInputStream(entries);
        while (!input.IsAtEnd)
        {
            command.Parameters.Add(command.Parameter("room", input.ReadString()));
            command.Parameters.Add(command.Parameter("sender", input.ReadString()));
            command.Parameters.Add(command.Parameter("key", input.ReadString()));
            command.Parameters.Add(command.Parameter("seq", input.ReadInt64()));
            command.Parameters.Add(command.Parameter("at", input.ReadInt64()));
            command.Parameters.Add(command.Parameter("body", input.ReadBytes().ToByteArray()));
            command.Parameters.Add(command.Parameter("kind", RoomEvent.MessageFieldNumber));
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.Parameters.Clear();
        }
    }
}
