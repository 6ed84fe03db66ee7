using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>SQLite: a write-ahead log, one connection that writes, any number that read.</summary>
internal sealed class SqliteDialect : ISqlDialect
{
    private readonly string _connectionString;
    private readonly SqliteWriter _writer;

    /// <param name="options">Where the file is.</param>
    /// <param name="tail">For tests: one that is soon full.</param>
    public SqliteDialect(StoreOptions options, LogTail? tail = null)
    {
        Tail = tail ?? new LogTail();
        SQLitePCL.Batteries_V2.Init();
        var path = Path.GetFullPath(options.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _connectionString = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            DefaultTimeout = (int)options.CommandTimeout.TotalSeconds,
        }.ConnectionString;
        _writer = new SqliteWriter(_connectionString, options, Tail);
    }

    public string Name => "sqlite";

    /// <summary>What was appended and is not in the log yet.</summary>
    public LogTail Tail { get; }

    public async ValueTask<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(_connectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    public async Task<DbTransaction> BeginMigrationAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand("pragma journal_mode = wal"); // Kept in the file.
        await command.ExecuteNonQueryAsync(cancellationToken);
        return await connection.BeginTransactionAsync(cancellationToken); // "begin immediate": waits for another process's.
    }

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

    public Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken) =>
        _writer.AppendAsync(entries, cancellationToken);

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
