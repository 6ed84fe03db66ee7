using System.Data.Common;
using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>PostgreSQL: a pool of connections that keep their statements prepared, arrays for many rows.</summary>
internal sealed class PostgresDialect : ISqlDialect
{
    // One number per product and purpose in the database's space of advisory locks: "tertulia" in ASCII.
    private const long MigrationLock = 0x74_65_72_74_75_6c_69_61;

    private readonly NpgsqlDataSource _source;
    private readonly PostgresAppend _append;

    public PostgresDialect(StoreOptions options)
    {
        var builder = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            MaxAutoPrepare = 40,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true, // Nothing is ever set on a session that the next user could find.
            CommandTimeout = (int)options.CommandTimeout.TotalSeconds,
            Timeout = (int)options.CommandTimeout.TotalSeconds,
        };
        _source = new NpgsqlDataSourceBuilder(builder.ConnectionString).Build();
        _append = new PostgresAppend(_source);
    }

    public string Name => "postgres";

    public async ValueTask<DbConnection> OpenAsync(CancellationToken cancellationToken) => await _source.OpenConnectionAsync(cancellationToken);

    public async Task<DbTransaction> BeginMigrationAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = connection.CreateCommand("select pg_advisory_xact_lock(@lock)", ("lock", MigrationLock));
        command.Transaction = transaction;
        await command.ExecuteNonQueryAsync(cancellationToken);
        return transaction;
    }

    public string Translate(string migration) => migration
        .Replace("{id}", "text collate \"C\"", StringComparison.Ordinal)
        .Replace("{bytes}", "bytea", StringComparison.Ordinal)
        .Replace("{clustered}", "", StringComparison.Ordinal);

    public string RowsTable(string parameter, params ReadOnlySpan<string> columns)
    {
        var arrays = new string[columns.Length];
        var names = new string[columns.Length];
        for (var i = 0; i < columns.Length; i++)
        {
            arrays[i] = $"@{parameter}{i}";
            names[i] = columns[i];
        }

        return $"(select * from unnest({string.Join(", ", arrays)}) as u({string.Join(", ", names)}))";
    }

    public void AddRows(DbCommand command, string parameter, params ReadOnlySpan<string[]> columns)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            command.Parameters.Add(new NpgsqlParameter<string[]>($"{parameter}{i}", NpgsqlDbType.Array | NpgsqlDbType.Text) { TypedValue = columns[i] });
        }
    }

    public Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken) =>
        _append.AppendAsync(entries, cancellationToken);

    // Class 22: a value that the type cannot hold; 23: a constraint; 54: too large for an index (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    public StoreFault FaultOf(Exception exception) => exception switch
    {
        PostgresException { SqlState: ['2', '2' or '3', ..] or ['5', '4', ..] } => StoreFault.Rejected,
        NpgsqlException or TimeoutException or SocketException or IOException => StoreFault.Unavailable,
        _ => StoreFault.None,
    };

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
