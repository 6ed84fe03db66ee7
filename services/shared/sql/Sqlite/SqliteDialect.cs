using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Tertulia.Sql;

/// <summary>SQLite: a write-ahead log, one connection that writes, any number that read.</summary>
public class SqliteDialect : ISqlDialect
{
    private const int SmallCacheKiB = 8 * 1024;
    private static readonly TimeSpan BusyGrace = TimeSpan.FromSeconds(5);

    private readonly string _connectionString;

    /// <param name="options">Where the file is.</param>
    /// <param name="writerCacheKiB">Pages that the writing connection keeps in memory at most; default 8 MiB.</param>
    public SqliteDialect(StoreOptions options, int writerCacheKiB = SmallCacheKiB)
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
        Writer = new SqliteWriter(_connectionString, options, writerCacheKiB);
    }

    /// <inheritdoc />
    public string Name => "sqlite";

    /// <inheritdoc />
    public TimeSpan CommandTimeout { get; }

    /// <summary>Every write of a process goes through it.</summary>
    protected SqliteWriter Writer { get; }

    /// <inheritdoc />
    public async ValueTask<DbConnection> OpenAsync()
    {
        var connection = new SqliteConnection(_connectionString);
        await connection.OpenAsync(CancellationToken.None);
        return connection;
    }

    /// <inheritdoc />
    public Task<T> WriteAsync<T>(Func<DbCommand, Task<T>> work) => Writer.RunAsync(work, static (session, work) =>
    {
        using var transaction = session.Connection.BeginTransaction(); // "begin immediate"
        using var command = session.Connection.CreateCommand();
        command.Transaction = transaction;
        var working = work(command); // The driver's asynchronous methods are synchronous.
        if (!working.IsCompleted)
        {
            throw new InvalidOperationException("A write to SQLite awaits nothing but its command.");
        }

        var result = working.GetAwaiter().GetResult();
        transaction.Commit();
        return result;
    });

    /// <inheritdoc />
    public async Task<DbTransaction> BeginMigrationAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand("pragma journal_mode = wal"); // Kept in the file.
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        return await connection.BeginTransactionAsync(CancellationToken.None); // "begin immediate": waits for another process's.
    }

    /// <inheritdoc />
    public string Translate(string migration) => migration
        .Replace("{id}", "text", StringComparison.Ordinal)
        .Replace("{bytes}", "blob", StringComparison.Ordinal)
        .Replace("{clustered}", "without rowid", StringComparison.Ordinal);

    /// <inheritdoc />
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

    /// <inheritdoc />
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

    /// <inheritdoc />
    public void OnUnavailable(Exception exception)
    {
        // A file has no server that could be another one.
    }

    /// <inheritdoc />
    public StoreFault FaultOf(Exception exception) => exception switch
    {
        SqliteFailureException { IsRejected: true } => StoreFault.Rejected,
        SqliteException { SqliteErrorCode: raw.SQLITE_CONSTRAINT or raw.SQLITE_TOOBIG } => StoreFault.Rejected,
        SqliteFailureException or SqliteException => StoreFault.Unavailable,
        _ => StoreFault.None,
    };

    /// <inheritdoc />
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        Writer.Dispose();
        using var connection = new SqliteConnection(_connectionString);
        SqliteConnection.ClearPool(connection);
        return ValueTask.CompletedTask;
    }
}
