using System.Data.Common;

namespace Tertulia.Sql;

/// <summary>What SQLite and PostgreSQL do differently; the statements themselves are the same.</summary>
public interface ISqlDialect : IAsyncDisposable
{
    /// <summary>As in the names of migrations that only this database has: <c>0003-….sqlite.sql</c>.</summary>
    string Name { get; }

    /// <summary>Longest time for a statement, its wait for a connection included.</summary>
    TimeSpan CommandTimeout { get; }

    /// <summary>A connection to read with, from a pool.</summary>
    ValueTask<DbConnection> OpenAsync();

    /// <summary>Runs statements in one transaction that may write, and commits it; rolls it back when <paramref name="work"/> throws.</summary>
    /// <remarks>On SQLite it waits its turn on the file's one writing thread, where <paramref name="work"/> may await nothing but the command.</remarks>
    /// <param name="work">Given a command of the transaction, for one statement after the other.</param>
    Task<T> WriteAsync<T>(Func<DbCommand, Task<T>> work);

    /// <summary>A transaction that only one process at a time has, for changes of the schema. It may take as long as it does.</summary>
    Task<DbTransaction> BeginMigrationAsync(DbConnection connection);

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

    /// <summary>The server does not answer, or is not the one that takes writes any more: its pooled connections are not used again.</summary>
    void OnUnavailable(Exception exception);

    /// <summary>What a failure means for the caller.</summary>
    StoreFault FaultOf(Exception exception);
}
