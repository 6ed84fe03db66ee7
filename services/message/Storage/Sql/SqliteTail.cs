using Microsoft.Data.Sqlite;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Reads <c>log_tail</c>.</summary>
internal static class SqliteTail
{
    /// <summary>Adds the rows that are not known yet, and forgets what was moved to the log by another process.</summary>
    public static void CatchUp(SqliteConnection connection, LogTail tail)
    {
        using var command = connection.CreateCommand(
            "select coalesce(min(id), 1) from log_tail; select id, entries from log_tail where id > @last order by id", ("last", tail.LastId));
        using var reader = ((SqliteCommand)command).ExecuteReader();
        reader.Read();
        tail.ForgetUpTo(reader.GetInt64(0) - 1);
        reader.NextResult();
        while (reader.Read())
        {
            tail.Add(TailRow.Read(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)));
        }
    }
}
