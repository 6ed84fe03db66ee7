using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>What SQLite and PostgreSQL do differently; the statements themselves are the same.</summary>
internal interface ISqlDialect : IAsyncDisposable
{
    /// <summary>As in the names of migrations that only this database has: <c>0003-….sqlite.sql</c>.</summary>
    string Name { get; }

    /// <summary>Longest time for a statement, its wait for a connection included.</summary>
    TimeSpan CommandTimeout { get; }

    /// <summary>The rows of <c>feed</c> that belong to <c>@partition</c>, found by its primary key from <c>@flush</c> on.</summary>
    string OnlyPartition { get; }

    /// <summary>Stores message ids in a migration: their rows are the parameter <c>ids</c>, of text columns message_id, room_id, seq.</summary>
    string StoreMessageIds { get; }

    /// <summary>A connection to read with, from a pool.</summary>
    ValueTask<DbConnection> OpenAsync();

    /// <summary>A transaction that only one process at a time has, for changes of the schema. It may take as long as it does.</summary>
    Task<DbTransaction> BeginMigrationAsync(DbConnection connection);

    /// <summary>After migration 4, for what no statement can do.</summary>
    Task MoveTailAsync(DbCommand command);

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
    Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends);

    /// <summary>The server does not answer, or is not the one that takes writes any more: its pooled connections are not used again.</summary>
    void OnUnavailable(Exception exception);

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
    /// <summary>Runs it to its own end; waits no longer than the dialect's time-out, or until the caller gives up.</summary>
    /// <remarks>A command whose caller gave up fails unseen, as when its answer was lost on the way.</remarks>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    /// <exception cref="StoreRejectedException">It does not take a value.</exception>
    public static Task<T> TryAsync<T>(this ISqlDialect dialect, Func<Task<T>> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return dialect.TryForAsLongAsItTakesAsync(() => work().WaitAsync(dialect.CommandTimeout, cancellationToken));
    }

    /// <inheritdoc cref="TryAsync" path="/exception"/>
    public static async Task<T> TryForAsLongAsItTakesAsync<T>(this ISqlDialect dialect, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception exception) when (exception is TimeoutException || dialect.FaultOf(exception) == StoreFault.Unavailable)
        {
            dialect.OnUnavailable(exception);
            throw new StoreUnavailableException("The store does not answer", exception);
        }
        catch (Exception exception) when (dialect.FaultOf(exception) == StoreFault.Rejected)
        {
            throw new StoreRejectedException("The store cannot hold a value", exception);
        }
    }
}
