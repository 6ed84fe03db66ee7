using Microsoft.Data.Sqlite;

namespace Tertulia.Sql;

/// <summary>The connection that writes, and what was prepared on it.</summary>
/// <remarks>On the writer's thread only. After a failure both are closed, and the next job has new ones.</remarks>
public sealed class SqliteSession : IDisposable
{
    private readonly Dictionary<Type, IDisposable> _prepared = [];
    private readonly SqliteCheckpoints _checkpoints;

    internal SqliteSession(SqliteConnection connection, string connectionString)
    {
        Connection = connection;
        _checkpoints = new SqliteCheckpoints(connection.Handle!, connectionString);
    }

    /// <summary>The connection. A job ends every transaction that it begins.</summary>
    public SqliteConnection Connection { get; }

    /// <summary>The connection's one set of statements of a type, made when it is first wanted.</summary>
    public T Prepared<T>(Func<SqliteConnection, T> prepare)
        where T : class, IDisposable
    {
        if (!_prepared.TryGetValue(typeof(T), out var statements))
        {
            _prepared.Add(typeof(T), statements = prepare(Connection));
        }

        return (T)statements;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var statements in _prepared.Values)
        {
            statements.Dispose();
        }

        _checkpoints.Dispose();
        Connection.Dispose();
    }

    internal void AfterCommit() => _checkpoints.AfterCommit();
}
