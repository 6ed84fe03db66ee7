using System.Data.Common;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage;

/// <summary>The service's database: a file of its own on SQLite, tables that begin with <c>notification_</c> on PostgreSQL.</summary>
/// <remarks>Each feature has its statements beside it, over a command, so that what is decided together is written in one transaction.</remarks>
internal sealed class NotificationStore(ISqlDialect dialect) : IStore
{
    private static readonly SqlMigrations Migrations = new(typeof(NotificationStore).Assembly, "notification_migrations");

    /// <summary>For statements that take many rows.</summary>
    public ISqlDialect Dialect => dialect;

    /// <summary>Opens the database that the options name.</summary>
    /// <remarks>What the service decides together it writes in one transaction over many rows, which MongoDB is not asked for.</remarks>
    public static NotificationStore Open(StoreOptions options) => options switch
    {
        { Kind: StoreKind.Postgres } => new(new PostgresDialect(options)),
        { Kind: StoreKind.MongoDb, NotificationConnectionString.Length: > 0 } => new(new PostgresDialect(new StoreOptions
        {
            Kind = StoreKind.Postgres, ConnectionString = options.NotificationConnectionString, CommandTimeout = options.CommandTimeout,
        })),
        _ => new(new SqliteDialect(options.ForFile("notification.db"))),
    };

    /// <inheritdoc />
    public Task InitializeAsync(CancellationToken cancellationToken) => dialect.TryForAsLongAsItTakesAsync(async () =>
    {
        await Migrations.UpdateAsync(dialect);
        return true;
    }).WaitAsync(cancellationToken);

    /// <inheritdoc />
    public Task CheckAsync(CancellationToken cancellationToken) => ReadAsync(
        command => command.With("select 1").ExecuteScalarAsync(CancellationToken.None), cancellationToken);

    /// <summary>Reads outside of any transaction.</summary>
    /// <param name="work">Runs one statement.</param>
    /// <param name="cancellationToken">Ends the waiting, not the statement.</param>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    /// <exception cref="StoreRejectedException">It does not take a value.</exception>
    public Task<T> ReadAsync<T>(Func<DbCommand, Task<T>> work, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        return await work(command);
    }, cancellationToken);

    /// <summary>Runs statements in one transaction; see <see cref="ISqlDialect.WriteAsync"/>.</summary>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    public Task<T> WriteAsync<T>(Func<DbCommand, Task<T>> work, CancellationToken cancellationToken) =>
        dialect.TryAsync(() => dialect.WriteAsync(work), cancellationToken);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => dialect.DisposeAsync();
}

/// <summary>One statement after the other over the command of a transaction.</summary>
internal static class Statements
{
    /// <summary>Replaces the command's text and parameters.</summary>
    public static DbCommand With(this DbCommand command, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        command.CommandText = sql;
        command.Parameters.Clear();
        foreach (var (name, value) in parameters)
        {
            command.Parameters.Add(command.Parameter(name, value ?? DBNull.Value));
        }

        return command;
    }

    /// <summary>Rows written.</summary>
    public static Task<int> RunAsync(this DbCommand command) => command.ExecuteNonQueryAsync(CancellationToken.None);

    /// <summary>All rows.</summary>
    public static async Task<List<T>> ListAsync<T>(this DbCommand command, Func<DbDataReader, T> row)
    {
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<T> rows = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <summary>The first row, or the default when there is none.</summary>
    public static async Task<T?> FirstAsync<T>(this DbCommand command, Func<DbDataReader, T> row)
    {
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        return await reader.ReadAsync(CancellationToken.None) ? row(reader) : default;
    }
}
