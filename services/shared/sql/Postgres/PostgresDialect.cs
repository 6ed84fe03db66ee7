using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;

namespace Tertulia.Sql;

/// <summary>PostgreSQL: a pool of connections that keep their statements prepared, arrays for many rows.</summary>
/// <remarks>
/// A statement that takes too long is ended by the server (<c>statement_timeout</c>); the driver is given no time-out and no token. Both
/// would make it send a cancel request, for which it opens a connection and blocks a thread of the pool until that is done, whatever <c>Cancellation
/// Timeout</c> says (Npgsql 10, <c>NpgsqlConnector.PerformPostgresCancellation</c>): while the server does not answer, a thread for each caller.
/// A transaction whose process stands still is ended as well: its locks would keep the next owner from its partitions.
/// A command whose server says nothing at all is left alone after the same time, with the pool that it has a place in; TCP ends it.
/// </remarks>
public class PostgresDialect : ISqlDialect
{
    // One number per product and purpose in the database's space of advisory locks: "tertulia" in ASCII.
    private const long MigrationLock = 0x74_65_72_74_75_6c_69_61;

    // Every statement finds its rows by an index, one by one (ADR 32). A plan that was made while a table was small would read all of it until statistics
    // are gathered again, by a sequential scan or by walking through a whole index to join it; and what is only discouraged counts as dear enough to be
    // compiled. A plan depends on nothing that a statement is given, so it is made once: planning each append again took as long as running it.
    private const string Planning =
        "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c jit=off -c plan_cache_mode=force_generic_plan";

    // A migration may go through whole tables.
    private const string ReadsAll =
        "set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on; set local enable_material = on";

    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(2); // From the server's time-out to its answer.

    private readonly string _connectionString;
    private readonly Lock _replacing = new();
    private volatile NpgsqlDataSource _source;
    private NpgsqlDataSource? _former;
    private long? _replacedAt;

    public PostgresDialect(StoreOptions options)
    {
        CommandTimeout = options.CommandTimeout + AnswerGrace;
        var builder = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            MaxAutoPrepare = 40,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true, // Nothing is ever set on a session that the next user could find.
            CommandTimeout = 0,
            Timeout = (int)options.CommandTimeout.TotalSeconds, // For opening a connection: no command is under way there.
            TcpKeepAlive = true,
        };
        var timeout = ((long)options.CommandTimeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        builder.Options = $"{builder.Options} {Planning} -c statement_timeout={timeout} -c idle_in_transaction_session_timeout={timeout}".Trim();
        _connectionString = builder.ConnectionString;
        _source = NewSource();
    }

    /// <inheritdoc />
    public string Name => "postgres";

    /// <inheritdoc />
    public TimeSpan CommandTimeout { get; }

    /// <summary>The pool.</summary>
    /// <remarks>Another one after the server did not answer: to be asked for again each time.</remarks>
    protected NpgsqlDataSource Source => _source;

    /// <summary>Connections that the pool of a process has, at most.</summary>
    public static int PoolSizeOf(StoreOptions options) => new NpgsqlConnectionStringBuilder(options.ConnectionString).MaxPoolSize;

    /// <inheritdoc />
    public async ValueTask<DbConnection> OpenAsync() => await Source.OpenConnectionAsync(CancellationToken.None);

    /// <inheritdoc />
    public async Task<T> WriteAsync<T>(Func<DbCommand, Task<T>> work)
    {
        await using var connection = await Source.OpenConnectionAsync(CancellationToken.None);
        await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;
        var result = await work(command);
        await transaction.CommitAsync(CancellationToken.None);
        return result;
    }

    /// <inheritdoc />
    public async Task<DbTransaction> BeginMigrationAsync(DbConnection connection)
    {
        var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        await using var command = connection.CreateCommand(
            $"set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; {ReadsAll}; select pg_advisory_xact_lock(@lock)",
            ("lock", MigrationLock));
        command.Transaction = transaction;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        return transaction;
    }

    /// <inheritdoc />
    public string Translate(string migration) => migration
        .Replace("{id}", "text collate \"C\"", StringComparison.Ordinal)
        .Replace("{bytes}", "bytea", StringComparison.Ordinal)
        .Replace("{clustered}", "", StringComparison.Ordinal);

    /// <inheritdoc />
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

    /// <inheritdoc />
    public void AddRows(DbCommand command, string parameter, params ReadOnlySpan<string[]> columns)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            command.Parameters.Add(new NpgsqlParameter<string[]>($"{parameter}{i}", NpgsqlDbType.Array | NpgsqlDbType.Text) { TypedValue = columns[i] });
        }
    }

    /// <inheritdoc />
    // Class 22: a value that the type cannot hold; 23: a constraint; 54: too large for an index (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    public StoreFault FaultOf(Exception exception) => exception switch
    {
        PostgresException { SqlState: ['2', '2' or '3', ..] or ['5', '4', ..] } => StoreFault.Rejected,
        NpgsqlException or TimeoutException or SocketException or IOException or ObjectDisposedException => StoreFault.Unavailable,
        _ => StoreFault.None,
    };

    /// <inheritdoc />
    // A primary that was demoted goes on answering, and refuses every write: new connections find the new primary.
    public void OnUnavailable(Exception exception)
    {
        if (exception is TimeoutException)
        {
            Replace();
        }
        else if (exception is PostgresException
            {
                SqlState: PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.AdminShutdown
                    or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow,
            })
        {
            _source.Clear();
        }
    }

    // What was left alone keeps its connection, and the connection its place in the pool, until TCP ends it: enough of them, and nothing else would get one. What times
    // out within a time-out of that began before it.
    private void Replace()
    {
        lock (_replacing)
        {
            var now = Environment.TickCount64;
            if (now - _replacedAt < CommandTimeout.TotalMilliseconds)
            {
                return;
            }

            _replacedAt = now;
            var older = _former; // Nobody is about to open a connection with it any more.
            (_former, _source) = (_source, NewSource());
            _former.Clear(); // Those that are idle, and the others when they are given back.
            older?.Dispose();
        }
    }

    private NpgsqlDataSource NewSource() => new NpgsqlDataSourceBuilder(_connectionString).Build();

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _former?.Dispose();
        return _source.DisposeAsync();
    }
}
