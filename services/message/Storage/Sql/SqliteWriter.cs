using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Tertulia.Contracts;

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
    private Statements? _statements;
    private SqliteCheckpoints? _checkpoints;

    public SqliteWriter(string connectionString, StoreOptions options)
    {
        _connectionString = connectionString;
        _options = options;
        _thread = new Thread(Run) { IsBackground = true, Name = "SQLite writer" };
        _thread.Start();
    }

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    public Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = new Job(entries);
        lock (_jobs)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _jobs.Enqueue(job); // From here on it is written, whatever becomes of the caller.
            Monitor.Pulse(_jobs);
        }

        return job.Done.Task;
    }

    /// <summary>After what waits was written.</summary>
    public void Dispose()
    {
        lock (_jobs)
        {
            _disposed = true;
            Monitor.Pulse(_jobs);
        }

        _thread.Join();
        Close();
    }

    private void Run()
    {
        while (Take() is { } job)
        {
            try
            {
                job.Done.SetResult(Append(job.Entries));
            }
            catch (Exception exception)
            {
                job.Done.SetException(exception); // What it means is the dialect's to say.
            }

            _checkpoints?.AfterCommit(); // Nobody waits for it, but the next job.
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

    private AppendOutcome Append(IReadOnlyList<LogEntry> entries)
    {
        var statements = _statements ??= Open();
        var begun = false;
        try
        {
            statements.Begin.Run();
            begun = true;
            for (var i = 0; i < entries.Count; i++)
            {
                statements.Append(entries[i]);
            }

            statements.Commit.Run();
            return AppendOutcome.Appended;
        }
        catch (SqliteFailure failure) when (failure.IsDuplicate)
        {
            statements.Rollback.Run();
            return AppendOutcome.Conflict;
        }
        catch (Exception)
        {
            if (begun)
            {
                Close(); // Rolls back, and leaves nothing of a transaction that ended half way.
            }

            throw;
        }
    }

    private Statements Open()
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
            var statements = new Statements(connection.Handle!);
            _checkpoints = new SqliteCheckpoints(connection.Handle!, _connectionString);
            _connection = connection;
            return statements;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Close()
    {
        _statements?.Dispose();
        _statements = null;
        _checkpoints?.Dispose();
        _checkpoints = null;
        _connection?.Dispose();
        _connection = null;
    }

    private sealed class Job(IReadOnlyList<LogEntry> entries)
    {
        public IReadOnlyList<LogEntry> Entries { get; } = entries;

        public TaskCompletionSource<AppendOutcome> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Statements(SQLitePCL.sqlite3 database) : IDisposable
    {
        private readonly SqliteStatement _log = new(database, """
            insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, body) values (?, ?, ?, ?, ?, ?, ?)
            """);

        private readonly SqliteStatement _room = new(database, "insert into rooms (room_id, kind, members, created_at_ms) values (?, ?, 0, ?)");

        private readonly SqliteStatement _member = new(database, """
            insert into members (room_id, user_id, username, role) values (?, ?, ?, ?)
            on conflict (room_id, user_id) do update set username = excluded.username, role = excluded.role
            """);

        private readonly SqliteStatement _count = new(database, "update rooms set members = ? where room_id = ?");
        private byte[] _body = new byte[4096];

        public SqliteStatement Begin { get; } = new(database, "begin immediate");

        public SqliteStatement Commit { get; } = new(database, "commit");

        public SqliteStatement Rollback { get; } = new(database, "rollback");

        public void Append(in LogEntry entry)
        {
            AppendLog(entry);
            switch (entry.Event.BodyCase)
            {
                case RoomEvent.BodyOneofCase.Member:
                    var member = entry.Event.Member;
                    _member.Bind(1, entry.RoomId);
                    _member.Bind(2, member.UserId);
                    _member.Bind(3, member.Username);
                    _member.Bind(4, member.Role);
                    _member.Run();
                    _count.Bind(1, member.Members);
                    _count.Bind(2, entry.RoomId);
                    _count.Run();
                    break;
                case RoomEvent.BodyOneofCase.Room:
                    _room.Bind(1, entry.RoomId);
                    _room.Bind(2, entry.Event.Room.Kind);
                    _room.Bind(3, entry.Event.CreatedAtMs);
                    _room.Run();
                    break;
            }
        }

        public void Dispose()
        {
            foreach (var statement in (ReadOnlySpan<SqliteStatement>)[_log, _room, _member, _count, Begin, Commit, Rollback])
            {
                statement.Dispose();
            }
        }

        private void AppendLog(in LogEntry entry)
        {
            var length = entry.Event.CalculateSize();
            if (length > _body.Length)
            {
                _body = new byte[length * 2];
            }

            var body = _body.AsSpan(0, length);
            entry.Event.WriteTo(body);
            _log.Bind(1, entry.RoomId);
            _log.Bind(2, entry.Event.Seq);
            _log.Bind(3, (long)entry.Event.BodyCase);
            _log.Bind(4, entry.SenderId);
            _log.Bind(5, entry.IdempotencyKey);
            _log.Bind(6, entry.Event.CreatedAtMs);
            _log.Bind(7, body);
            _log.Run();
        }
    }
}
