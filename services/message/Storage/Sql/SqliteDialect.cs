using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>SQLite: a write-ahead log, one connection that writes, any number that read.</summary>
internal sealed class SqliteDialect : ISqlDialect
{
    private static readonly TimeSpan BusyGrace = TimeSpan.FromSeconds(5);

    private readonly string _connectionString;
    private readonly SqliteWriter _writer;

    /// <param name="options">Where the file is.</param>
    public SqliteDialect(StoreOptions options)
    {
        // The database's own busy time-out comes first, and says what it waited for.
        CommandTimeout = options.CommandTimeout + BusyGrace;
        SQLitePCL.Batteries_V2.Init();
        var path = Path.GetFullPath(options.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _connectionString = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            DefaultTimeout = (int)options.CommandTimeout.TotalSeconds,
        }.ConnectionString;
        _writer = new SqliteWriter(_connectionString, options);
    }

    public string Name => "sqlite";

    public TimeSpan CommandTimeout { get; }

    // Flushes of all partitions lie in one order: a partition's are looked for between the reader's position and the partition's last one.
    public string OnlyPartition =>
        "partition = @partition and flush between @flush and (select flush from partition_owners where partition = @partition)";

    public string StoreMessageIds => $"""
        insert or ignore into message_ids (message_id, room_id, seq)
        select message_id, room_id, cast(seq as integer) from {RowsTable("ids", "message_id", "room_id", "seq")}
        """;

    public async ValueTask<DbConnection> OpenAsync()
    {
        var connection = new SqliteConnection(_connectionString);
        await connection.OpenAsync(CancellationToken.None);
        return connection;
    }

    public async Task<DbTransaction> BeginMigrationAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand("pragma journal_mode = wal"); // Kept in the file.
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        return await connection.BeginTransactionAsync(CancellationToken.None); // "begin immediate": waits for another process's.
    }

    public Task MoveTailAsync(DbCommand command) => SqliteTailMove.RunAsync(command);

    public string Translate(string migration) => migration
        .Replace("{id}", "text", StringComparison.Ordinal)
        .Replace("{bytes}", "blob", StringComparison.Ordinal)
        .Replace("{clustered}", "without rowid", StringComparison.Ordinal);

    // One JSON array of arrays: no limit on rows, one text for the statement whatever their number.
    public string RowsTable(string parameter, params ReadOnlySpan<string> columns)
    {
        var values = new string[columns.Length];
        for (var i = 0; i < columns.Length; i++)
        {
            values[i] = $"json_extract(value, '$[{i}]') as {columns[i]}";
        }

        return $"(select {string.Join(", ", values)} from json_each(@{parameter}))";
    }

    public void AddRows(DbCommand command, string parameter, params ReadOnlySpan<string[]> columns)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            for (var row = 0; row < columns[0].Length; row++)
            {
                json.WriteStartArray();
                foreach (var column in columns)
                {
                    json.WriteStringValue(column[row]);
                }

                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        command.Parameters.Add(command.Parameter(parameter, System.Text.Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length))));
    }

    public Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends) => _writer.AppendAsync(appends);

    public void OnUnavailable(Exception exception)
    {
        // A file has no server that could be another one.
    }

    public StoreFault FaultOf(Exception exception) => exception switch
    {
        SqliteFailure { IsRejected: true } => StoreFault.Rejected,
        SqliteException { SqliteErrorCode: raw.SQLITE_CONSTRAINT or raw.SQLITE_TOOBIG } => StoreFault.Rejected,
        SqliteFailure or SqliteException => StoreFault.Unavailable,
        _ => StoreFault.None,
    };

    public ValueTask DisposeAsync()
    {
        _writer.Dispose();
        using var connection = new SqliteConnection(_connectionString);
        SqliteConnection.ClearPool(connection);
        return ValueTask.CompletedTask;
    }
}
