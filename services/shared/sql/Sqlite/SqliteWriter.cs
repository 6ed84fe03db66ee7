using Microsoft.Data.Sqlite;

namespace Tertulia.Sql;

/// <summary>The one connection that writes, on a thread of its own: SQLite blocks while the disk syncs, and a pool thread must not.</summary>
public sealed class SqliteWriter : IDisposable
{
    private readonly string _connectionString;
    private readonly StoreOptions _options;
    private readonly int _cacheKiB;
    private readonly Queue<Job> _jobs = []; // Its own monitor's: a BlockingCollection spins before it sleeps, most of the time in vain.
    private readonly Thread _thread;
    private bool _disposed;
    private SqliteSession? _session;

    /// <param name="connectionString">Of the database.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="cacheKiB">Pages that it keeps in memory at most.</param>
    internal SqliteWriter(string connectionString, StoreOptions options, int cacheKiB)
    {
        (_connectionString, _options, _cacheKiB) = (connectionString, options, cacheKiB);
        _thread = new Thread(Run) { IsBackground = true, Name = "SQLite writer" };
        _thread.Start();
    }

    /// <summary>Runs a job after those that wait. What the job throws is thrown here, and the connection is closed, which rolls back.</summary>
    /// <param name="state">Given to the job.</param>
    /// <param name="work">On the writer's thread. Once this returned it is done, whatever becomes of the caller.</param>
    /// <param name="goesOnHere">Whether the caller may go on on the writer's thread, on which nothing may block.</param>
    public Task<TResult> RunAsync<TState, TResult>(TState state, Func<SqliteSession, TState, TResult> work, bool goesOnHere = false)
    {
        var job = new Job<TState, TResult>(state, work, goesOnHere);
        lock (_jobs)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _jobs.Enqueue(job);
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
            Exception? failure = null;
            try
            {
                job.Run(_session ??= Open());
            }
            catch (Exception exception)
            {
                failure = exception; // What it means is the dialect's to say.
                Close(); // Rolls back, and leaves nothing of a transaction that ended half way.
            }

            End(job, failure);
            _session?.AfterCommit(); // Only the next job waits for it.
        }

        Close();
    }

    // Who waited goes on here when no other job does: this thread has nothing else to do, and waking another one costs more than deciding what to append next.
    private void End(Job job, Exception? failure)
    {
        bool isIdle;
        lock (_jobs)
        {
            isIdle = _jobs.Count == 0 && !_disposed;
        }

        if (isIdle || !job.GoesOnHere)
        {
            job.End(failure);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(static ended => ended.Job.End(ended.Failure), (Job: job, Failure: failure), preferLocal: false);
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

    private SqliteSession Open()
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
            pragma.CommandText = $"pragma cache_size = -{_cacheKiB}"; // Negative: KiB instead of pages.
            pragma.ExecuteNonQuery();
            pragma.CommandText = $"pragma busy_timeout = {(int)_options.CommandTimeout.TotalMilliseconds}";
            pragma.ExecuteNonQuery();
            return new SqliteSession(connection, _connectionString);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Close()
    {
        _session?.Dispose();
        _session = null;
    }

    private abstract class Job(bool goesOnHere)
    {
        public bool GoesOnHere { get; } = goesOnHere;

        public abstract void Run(SqliteSession session);

        /// <summary>Who waits for a job that goes on here may do so before this returns.</summary>
        public abstract void End(Exception? failure);
    }

    private sealed class Job<TState, TResult>(TState state, Func<SqliteSession, TState, TResult> work, bool goesOnHere) : Job(goesOnHere)
    {
        private readonly TaskCompletionSource<TResult> _done = new(goesOnHere ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        private TResult? _result;

        public Task<TResult> Done => _done.Task;

        public override void Run(SqliteSession session) => _result = work(session, state);

        public override void End(Exception? failure)
        {
            if (failure is not null)
            {
                _done.SetException(failure);
            }
            else
            {
                _done.SetResult(_result!);
            }
        }
    }
}
