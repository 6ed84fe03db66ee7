using Microsoft.Data.Sqlite;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The one connection that appends, on a thread of its own: SQLite blocks while the disk syncs, and a pool thread must not.</summary>
internal sealed class SqliteWriter : IDisposable
{
    private const int CacheKiB = 64 * 1024; // The ends of some thousand rooms: an append reads nothing from the file.

    private readonly string _connectionString;
    private readonly StoreOptions _options;
    private readonly Queue<Job> _jobs = []; // Its own monitor's: a BlockingCollection spins before it sleeps, most of the time in vain.
    private readonly Thread _thread;
    private bool _disposed;
    private SqliteConnection? _connection;
    private SqliteAppend? _append;
    private SqliteCheckpoints? _checkpoints;

    /// <param name="connectionString">Of the database.</param>
    /// <param name="options">How it is opened.</param>
    public SqliteWriter(string connectionString, StoreOptions options)
    {
        (_connectionString, _options) = (connectionString, options);
        _thread = new Thread(Run) { IsBackground = true, Name = "SQLite writer" };
        _thread.Start();
    }

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    /// <remarks>The caller may go on on the writer's thread, on which nothing may block.</remarks>
    public Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends)
    {
        var job = new Job(appends);
        lock (_jobs)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _jobs.Enqueue(job); // From here on it is written, whatever becomes of the caller.
            Monitor.Pulse(_jobs);
        }

        return job.Done;
    }

    /// <summary>After what waits was written. Called on the writer's own thread, by a caller who goes on there, it ends when that caller has returned.</summary>
    public void Dispose()
    {
        lock (_jobs)
        {
            _disposed = true;
            Monitor.Pulse(_jobs);
        }

        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }
    }

    private void Run()
    {
        while (Take() is { } job)
        {
            AppendOutcome[]? outcomes = null;
            Exception? failure = null;
            try
            {
                outcomes = Append(job.Appends);
            }
            catch (Exception exception)
            {
                failure = exception; // What it means is the dialect's to say.
            }

            End(job, outcomes, failure);
            _checkpoints?.AfterCommit(); // Only the next job waits for it.
        }

        Close();
    }

    // Who waited goes on here when no other job does: this thread has nothing else to do, and waking another one costs more than deciding what to append next.
    private void End(Job job, AppendOutcome[]? outcomes, Exception? failure)
    {
        bool isIdle;
        lock (_jobs)
        {
            isIdle = _jobs.Count == 0 && !_disposed;
        }

        if (isIdle)
        {
            job.End(outcomes, failure);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(static ended => ended.Job.End(ended.Outcomes, ended.Failure), (Job: job, Outcomes: outcomes, Failure: failure), preferLocal: false);
        }
    }

    /// <returns>Null when nothing will come any more.</returns>
    private Job? Take()
    {
        lock (_jobs)
        {
            while (_jobs.Count == 0 && !_disposed)
            {
                Monitor.Wait(_jobs);
            }

            return _jobs.TryDequeue(out var job) ? job : null;
        }
    }

    private AppendOutcome[] Append(IReadOnlyList<RoomAppend> appends)
    {
        var append = _append ??= Open();
        try
        {
            return append.Run(appends);
        }
        catch (Exception)
        {
            Close(); // Rolls back, and leaves nothing of a transaction that ended half way.
            throw;
        }
    }

    private SqliteAppend Open()
    {
        var connection = new SqliteConnection(_connectionString + ";Pooling=False");
        try
        {
            connection.Open();
            using var pragma = connection.CreateCommand();
            pragma.CommandText = _options.Synchronous == SqliteSynchronous.Full ? "pragma synchronous = full" : "pragma synchronous = normal";
            pragma.ExecuteNonQuery();
            pragma.CommandText = "pragma wal_autocheckpoint = 0"; // See SqliteCheckpoints.
            pragma.ExecuteNonQuery();
            pragma.CommandText = $"pragma cache_size = -{CacheKiB}"; // Negative: KiB instead of pages.
            pragma.ExecuteNonQuery();
            pragma.CommandText = $"pragma busy_timeout = {(int)_options.CommandTimeout.TotalMilliseconds}";
            pragma.ExecuteNonQuery();
            var append = new SqliteAppend(connection);
            _checkpoints = new SqliteCheckpoints(connection.Handle!, _connectionString);
            _connection = connection;
            return append;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Close()
    {
        _append?.Dispose();
        _append = null;
        _checkpoints?.Dispose();
        _checkpoints = null;
        _connection?.Dispose();
        _connection = null;
    }

    private sealed class Job(IReadOnlyList<RoomAppend> appends)
    {
        private readonly TaskCompletionSource<AppendOutcome[]> _done = new();

        public IReadOnlyList<RoomAppend> Appends { get; } = appends;

        public Task<AppendOutcome[]> Done => _done.Task;

        /// <summary>Who waits for the job may go on before this returns.</summary>
        public void End(AppendOutcome[]? outcomes, Exception? failure)
        {
            if (failure is not null)
            {
                _done.SetException(failure);
            }
            else
            {
                _done.SetResult(outcomes!);
            }
        }
    }
}
