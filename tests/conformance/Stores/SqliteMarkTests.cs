using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Conformance.Stores;

/// <summary>A SQLite file that was restored while nobody looked: positions that were given after the copy was made are void, also when the log has passed them since.</summary>
public sealed class SqliteMarkTests : IAsyncLifetime
{
    private readonly SqliteDatabase _database = new();
    private readonly RoomScript _lobby = new("lobby");
    private IMessageStore _store = null!;
    private string _epoch = "";

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    private string Folder => Path.GetDirectoryName(_database.FilePath)!;

    private string Mark => _database.FilePath + ".mark";

    public async Task InitializeAsync()
    {
        await _database.CreateAsync();
        await OpenAsync();
        _epoch = _store.Epoch;
        await SayAsync(_lobby.Opening(messages: 2));
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _database.DropAsync();
        Directory.Delete(Folder + "-copy", recursive: true);
    }

    [Fact]
    public async Task A_restored_file_has_a_new_epoch_before_anything_is_written_to_it()
    {
        await KeepAsync();
        await SayAsync([_lobby.Said("ana", "lost")]);
        await _store.DisposeAsync();
        File.Copy(Path.Combine(Folder + "-copy", "tertulia.db"), _database.FilePath, overwrite: true);
        await OpenAsync();

        Assert.NotEqual(_epoch, _store.Epoch);
    }

    [Fact]
    public async Task A_restored_folder_has_a_new_epoch()
    {
        await KeepAsync();
        await SayAsync([_lobby.Said("ana", "lost")]);
        await _store.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
        Copy(Folder + "-copy", Folder);
        await OpenAsync();

        Assert.NotEqual(_epoch, _store.Epoch);
    }

    [Fact]
    public async Task A_file_of_another_epoch_has_a_new_one()
    {
        await KeepAsync();
        await _store.RenewEpochAsync(_epoch, Deadline);
        await _store.DisposeAsync();
        File.Copy(Path.Combine(Folder + "-copy", "tertulia.db"), _database.FilePath, overwrite: true);
        await OpenAsync();

        Assert.NotEqual(_epoch, _store.Epoch);
    }

    [Fact]
    public async Task After_a_crash_the_mark_is_behind_and_the_epoch_stays()
    {
        await KeepAsync();
        var behind = await File.ReadAllTextAsync(Mark);
        await SayAsync([_lobby.Said("ana", "kept")]);
        await _store.DisposeAsync();
        var words = (await File.ReadAllTextAsync(Mark)).Split(' ');
        await File.WriteAllTextAsync(Mark, $"{words[0]} {behind.Split(' ')[1]} {words[2]}");
        await OpenAsync();

        Assert.NotEqual(behind.Split(' ')[1], words[1]);
        Assert.Equal(_epoch, _store.Epoch);
    }

    [Fact]
    public async Task What_is_appended_is_in_the_mark_within_moments()
    {
        await KeepAsync();
        await OpenAsync();
        var before = await File.ReadAllTextAsync(Mark);
        await SayAsync([_lobby.Said("ana", "said")]);

        await Tertulia.Testing.Eventually.HoldsAsync(() => File.Exists(Mark) && File.ReadAllText(Mark).Split(' ')[1] != before.Split(' ')[1], "the mark follows");
    }

    [Fact]
    public async Task What_was_appended_just_before_a_polite_stop_is_in_the_mark()
    {
        await KeepAsync();
        var before = await File.ReadAllTextAsync(Mark);
        await SayAsync([_lobby.Said("ana", "said")]);
        await Tertulia.Testing.Eventually.HoldsAsync(() => File.ReadAllText(Mark) != before, "the mark follows, and rests for a second");
        var resting = await File.ReadAllTextAsync(Mark);
        await SayAsync([_lobby.Said("ana", "lost")]);
        await _store.DisposeAsync();

        Assert.NotEqual(resting.Split(' ')[1], (await File.ReadAllTextAsync(Mark)).Split(' ')[1]);
    }

    [Fact]
    public async Task A_database_of_the_version_before_has_no_mark_and_keeps_its_epoch()
    {
        await KeepAsync();
        File.Delete(Mark);
        await OpenAsync();

        Assert.Equal(_epoch, _store.Epoch);
        Assert.True(File.Exists(Mark));
    }

    /// <summary>Stops the store and copies its folder.</summary>
    private async Task KeepAsync()
    {
        await _store.DisposeAsync();
        Copy(Folder, Folder + "-copy");
        await OpenAsync();
        if (_store.Epoch != _epoch)
        {
            throw new InvalidOperationException("A polite restart changed the epoch");
        }
    }

    private async Task OpenAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        _store = new SqlMessageStore(new SqliteMessageDialect(_database.Options));
        await _store.InitializeAsync(Deadline);
    }

    private async Task SayAsync(IEnumerable<RoomEntry> entries)
    {
        var owner = await _store.TakePartitionAsync(0, nowMs: 1, Deadline);
        Assert.Equal([AppendOutcome.Appended], await _store.AppendAsync([new RoomAppend(0, "lobby", owner, [.. entries.Select(entry => entry.Entry)])], Deadline));
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }
}
