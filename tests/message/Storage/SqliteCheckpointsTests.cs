using Microsoft.Data.Sqlite;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Messages.Tests.Storage;

/// <summary>The write-ahead log begins anew again and again, without a commit that waits for all of it.</summary>
public sealed class SqliteCheckpointsTests : IDisposable
{
    private const int Limit = 200; // Pages.
    private static readonly byte[] Row = new byte[6000]; // Two pages.

    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-checkpoints-").FullName;
    private readonly SqliteConnection _writer;
    private readonly SqliteCheckpoints _checkpoints;
    private int _rows;

    public SqliteCheckpointsTests()
    {
        SQLitePCL.Batteries_V2.Init();
        _writer = Open();
        Run("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table rows (body blob)");
        _checkpoints = new SqliteCheckpoints(_writer.Handle!, _writer.ConnectionString, Limit);
    }

    private long FileBytes => new FileInfo(Path.Combine(_folder, "test.db")).Length;

    public void Dispose()
    {
        _checkpoints.Dispose();
        _writer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task The_log_is_begun_anew_while_commits_go_on()
    {
        for (var restarts = 0; restarts < 3; restarts++)
        {
            await CommitUntilAsync(log => log < Limit / 2); // It holds less than before only when it was begun anew.
            await CommitUntilAsync(log => log >= Limit / 2);
        }

        Assert.Equal(_rows, CountRows());
        Assert.True(FileBytes > Limit / 2 * 4096L, $"{FileBytes} bytes");
    }

    [Fact]
    public async Task A_reader_holds_the_log_only_as_long_as_it_reads()
    {
        await CommitUntilAsync(log => log < Limit / 2);
        using (var reader = Open())
        {
            using var transaction = reader.BeginTransaction(deferred: true);
            using var command = reader.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = "select count(*) from rows";
            var seen = (long)command.ExecuteScalar()!;
            await CommitUntilAsync(log => log > 5 * Limit);
            Assert.Equal(seen, (long)command.ExecuteScalar()!);
        }

        await CommitUntilAsync(log => log < Limit / 2);
        Assert.Equal(_rows, CountRows());
    }

    /// <summary>As many as it takes; xunit has no patience for a log that never gets there, nor has this.</summary>
    private async Task CommitUntilAsync(Func<long, bool> isThere)
    {
        for (var commits = 0; !isThere(LogPages()); commits++)
        {
            Assert.True(commits < 20_000, $"the log has {LogPages()} pages after {commits} commits");
            using var insert = _writer.CreateCommand();
            insert.CommandText = "insert into rows values ($body)";
            insert.Parameters.AddWithValue("$body", Row);
            insert.ExecuteNonQuery();
            _rows++;
            _checkpoints.AfterCommit();
            await Task.Yield();
        }
    }

    /// <summary>What the log holds now: its file keeps its size, so that its index is asked (https://www.sqlite.org/walformat.html#the_wal_index_file_format).</summary>
    private long LogPages()
    {
        using var index = new FileStream(Path.Combine(_folder, "test.db-shm"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var header = new byte[20];
        index.ReadExactly(header);
        return BitConverter.ToUInt32(header, 16); // mxFrame, in the machine's byte order.
    }

    private long CountRows()
    {
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from rows";
        return (long)command.ExecuteScalar()!;
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "test.db")};Pooling=False");
        connection.Open();
        return connection;
    }

    private void Run(string sql)
    {
        using var command = _writer.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
