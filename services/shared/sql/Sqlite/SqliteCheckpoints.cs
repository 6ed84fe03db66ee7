using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Tertulia.Sql;

/// <summary>Copies the write-ahead log into the database file, beside the writer.</summary>
/// <remarks>
/// A checkpoint at a commit, as SQLite does it by itself, holds up all who wait for that commit: tens of milliseconds for a large log, while a small one costs
/// more, since a page that was written several times is copied once. So the log may become large, a thread of its own copies most of it while commits go
/// on, and what they added meanwhile is left to the writer: then the log is copied wholly, and the next commit begins it anew
/// (https://www.sqlite.org/wal.html#ckpt).
/// </remarks>
internal sealed class SqliteCheckpoints : IDisposable
{
    /// <summary>Pages in the log from which on it is copied: 64 MiB. SQLite's default is 1,000 pages.</summary>
    public const int DefaultPages = 16_000;

    private const int FewPages = 500; // Copied by the writer within some milliseconds.
    private const int Passes = 4;
    private const int PagesWritten = 9; // SQLITE_DBSTATUS_CACHE_WRITE (https://www.sqlite.org/c3ref/c_dbstatus_options.html)

    private readonly sqlite3 _writer;
    private readonly string _connectionString;
    private readonly int _limit;
    private Task? _copying;
    private long _pages;

    /// <param name="writer">The connection that commits. It must not checkpoint by itself.</param>
    /// <param name="connectionString">Of the same database.</param>
    /// <param name="limit">Pages in the log from which on it is copied.</param>
    public SqliteCheckpoints(sqlite3 writer, string connectionString, int limit = DefaultPages)
    {
        (_writer, _connectionString, _limit) = (writer, connectionString, limit);
        _pages = limit; // How much another process left is not known.
    }

    /// <summary>On the writer's thread, outside of a transaction.</summary>
    public void AfterCommit()
    {
        _ = raw.sqlite3_db_status(_writer, PagesWritten, out var written, out _, 1);
        _pages += written;
        if (_copying is { IsCompleted: true })
        {
            _copying = null;
            _pages = TryCopy(_writer, out var pages, out var copied) && copied == pages ? 0 : _limit / 2; // A reader of an old state holds it up: soon again.
        }
        else if (_copying is null && _pages >= _limit)
        {
            _copying = Task.Factory.StartNew(CopyMost, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>Waits for a copy that is under way.</summary>
    public void Dispose() => _copying?.Wait();

    // Each pass leaves what was committed while it ran: less every time.
    private void CopyMost()
    {
        using var connection = new SqliteConnection(_connectionString + ";Pooling=False");
        try
        {
            connection.Open();
            var before = 0;
            for (var pass = 0; pass < Passes && TryCopy(connection.Handle!, out _, out var copied) && copied - before > FewPages; pass++)
            {
                before = copied;
            }
        }
        catch (SqliteException)
        {
            return; // The writer has all of it to copy, then, and its commits say what is wrong.
        }
    }

    /// <param name="database">Whose connection does it.</param>
    /// <param name="pages">In the log.</param>
    /// <param name="copied">Of these, counted from the log's start.</param>
    private static bool TryCopy(sqlite3 database, out int pages, out int copied) =>
        raw.sqlite3_wal_checkpoint_v2(database, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out pages, out copied) == raw.SQLITE_OK;
}
