using System.Buffers.Binary;
using System.Data.Common;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>How far the database was written, in a file of its own beside it: that a database is an older state, or another one, cannot be seen in it alone.</summary>
/// <remarks>
/// The file names the epoch, the last flush, and itself (its inode and time of birth): a folder that was restored as a whole has another file under its name. It follows the
/// database, at most a second behind, and is exact after a polite stop, so that it is never ahead of what is on the disk, whatever dies. ADR 20.
/// </remarks>
internal sealed partial class SqliteMark : IAsyncDisposable
{
    private const string State = """
        select (select value from meta where key = 'epoch'), (select coalesce(max(flush), 0) from partition_owners)
        """;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly Func<ValueTask<DbConnection>> _open;
    private readonly SemaphoreSlim _appended = new(0);
    private readonly SemaphoreSlim _file = new(1);
    private readonly CancellationTokenSource _stopping = new();
    private Task? _following;
    private int _isBehind;
    private int _isDisposed;

    /// <param name="database">The database file.</param>
    /// <param name="open">A connection to read with.</param>
    public SqliteMark(string database, Func<ValueTask<DbConnection>> open) => (_path, _open) = (database + ".mark", open);

    /// <returns>True when the database is not the one that was written last here, or an older state of it; false also when nothing is known.</returns>
    public async Task<bool> HasGoneBackAsync()
    {
        if (!File.Exists(_path))
        {
            return false;
        }

        string text, identity;
        do // Another process may put its own in the place.
        {
            identity = IdentityOf(_path);
            text = await File.ReadAllTextAsync(_path);
        }
        while (identity != IdentityOf(_path));

        var words = text.Split(' ');
        var (epoch, flush) = await ReadStateAsync();
        return words.Length != 3 || words[0] != epoch || words[2] != identity
            || !long.TryParse(words[1], CultureInfo.InvariantCulture, out var known) || flush < known;
    }

    /// <summary>The state of the database counts from now on, and is followed.</summary>
    /// <exception cref="StoreUnavailableException">The file cannot be written.</exception>
    public async Task RememberAsync()
    {
        try
        {
            await WriteAsync();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"{_path} cannot be written", exception);
        }

        if (_following is null)
        {
            RemoveLeftovers();
            _following = Task.Run(FollowAsync);
        }
    }

    /// <summary>Something was appended. Costs nothing while that is known.</summary>
    public void Appended()
    {
        if (Volatile.Read(ref _isBehind) == 0 && Interlocked.Exchange(ref _isBehind, 1) == 0)
        {
            _appended.Release();
        }
    }

    /// <summary>Writes where the database ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync();
        if (_following is not null)
        {
            await _following;
        }

        _stopping.Dispose();
        _appended.Dispose();
        _file.Dispose();
    }

    // Of a process that died between the two steps of a write.
    private void RemoveLeftovers()
    {
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(_path)!, Path.GetFileName(_path) + ".*"))
        {
            if (File.GetLastWriteTimeUtc(file) < DateTime.UtcNow.AddMinutes(-1))
            {
                File.Delete(file);
            }
        }
    }

    private async Task FollowAsync()
    {
        while (true)
        {
            await _appended.WaitAsync(_stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Volatile.Write(ref _isBehind, 0);
            try
            {
                await WriteAsync();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or DbException)
            {
                Appended(); // What keeps this file from being written keeps the database from it as well, and that is said.
            }

            if (_stopping.IsCancellationRequested)
            {
                return; // Not before: what was appended since the last write is in the file now.
            }

            await Task.Delay(Interval, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WriteAsync()
    {
        await _file.WaitAsync();
        try
        {
            var (epoch, flush) = await ReadStateAsync();
            var next = $"{_path}.{Guid.NewGuid():N}";
            await using (var file = new FileStream(next, FileMode.CreateNew, FileAccess.Write))
            {
                await file.WriteAsync(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{epoch} {flush} {IdentityOf(next)}")));
                file.Flush(flushToDisk: true);
            }

            File.Move(next, _path, overwrite: true);
        }
        finally
        {
            _file.Release();
        }
    }

    private async Task<(string Epoch, long Flush)> ReadStateAsync()
    {
        await using var connection = await _open();
        await using var command = connection.CreateCommand(State);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetString(0), reader.GetInt64(1));
    }

    /// <returns>What a copy of the file does not have. Where only the inode is known, a copy in its place goes unnoticed.</returns>
    private static string IdentityOf(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return File.GetCreationTimeUtc(path).Ticks.ToString(CultureInfo.InvariantCulture);
        }

        // https://man7.org/linux/man-pages/man2/statx.2.html
        const int CurrentFolder = -100, InodeAndBirth = 0x100 | 0x800, Mask = 0, Inode = 32, BirthSeconds = 80, BirthNanoseconds = 88;
        var answer = new byte[256];
        if (StatX(CurrentFolder, path, 0, InodeAndBirth, answer) != 0)
        {
            throw new IOException($"{path}: error {Marshal.GetLastPInvokeError()}");
        }

        var inode = BinaryPrimitives.ReadUInt64LittleEndian(answer.AsSpan(Inode));
        var hasBirth = (BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(Mask)) & 0x800) != 0;
        return !hasBirth
            ? string.Create(CultureInfo.InvariantCulture, $"{inode}")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{inode}:{BinaryPrimitives.ReadInt64LittleEndian(answer.AsSpan(BirthSeconds))}.{BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(BirthNanoseconds))}");
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int StatX(int folder, string path, int flags, uint mask, [Out] byte[] answer);
}
