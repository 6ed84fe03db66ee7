using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>What SQLite and PostgreSQL do differently; the statements themselves are the same.</summary>
internal interface ISqlDialect : IAsyncDisposable
{
    /// <summary>As in the names of migrations that only this database has: <c>0003-….sqlite.sql</c>.</summary>
    string Name { get; }

    /// <summary>A connection to read with, from a pool.</summary>
    ValueTask<DbConnection> OpenAsync(CancellationToken cancellationToken);

    /// <summary>A transaction that only one process at a time has, for changes of the schema.</summary>
    Task<DbTransaction> BeginMigrationAsync(DbConnection connection, CancellationToken cancellationToken);

    /// <summary>Replaces <c>{id}</c>, <c>{bytes}</c> and <c>{clustered}</c> in a migration.</summary>
    string Translate(string migration);

    /// <summary>A table expression of text columns whose rows are a parameter added by <see cref="AddRows"/>.</summary>
    /// <param name="parameter">Name of the parameter, without a mark.</param>
    /// <param name="columns">Names of the columns.</param>
    string RowsTable(string parameter, params ReadOnlySpan<string> columns);

    /// <summary>Adds the rows of <see cref="RowsTable"/>.</summary>
    /// <param name="command">The command that uses them.</param>
    /// <param name="parameter">As given to <see cref="RowsTable"/>.</param>
    /// <param name="columns">One array per column, all of the same length.</param>
    void AddRows(DbCommand command, string parameter, params ReadOnlySpan<string[]> columns);

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken);

    /// <summary>What a failure means for the caller.</summary>
    StoreFault FaultOf(Exception exception);
}

/// <summary>Whose fault a failure is.</summary>
internal enum StoreFault
{
    /// <summary>Not the database's.</summary>
    None,

    /// <summary><see cref="StoreUnavailableException"/>.</summary>
    Unavailable,

    /// <summary><see cref="StoreRejectedException"/>.</summary>
    Rejected,
}

/// <summary>A database's failures in the words of <see cref="IMessageStore"/>.</summary>
internal static class StoreFaults
{
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    /// <exception cref="StoreRejectedException">It does not take a value.</exception>
    public static async Task<T> TryAsync<T>(this ISqlDialect dialect, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception exception) when (dialect.FaultOf(exception) == StoreFault.Unavailable)
        {
            throw new StoreUnavailableException("The store does not answer", exception);
        }
        catch (Exception exception) when (dialect.FaultOf(exception) == StoreFault.Rejected)
        {
            throw new StoreRejectedException("The store cannot hold a value", exception);
        }
    }
}
