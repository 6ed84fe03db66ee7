using Microsoft.Data.Sqlite;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Conformance.Stores;

public class SqliteMessageStoreTests : MessageStoreConformance
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-sqlite-{Guid.NewGuid():N}");

    private protected StoreOptions Options => new() { Kind = StoreKind.Sqlite, Path = Path.Combine(_folder, "tertulia.db") };

    internal override IMessageStore Open() => new SqliteMessageStore(new SqliteDialect(Options));

    protected override Task CreateAsync()
    {
        Directory.CreateDirectory(_folder);
        return Task.CompletedTask;
    }

    protected override Task DropAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }
}

/// <summary>The same with a tail that is full after two messages, so that appends move what came before them to the log.</summary>
public sealed class SqliteMergingStoreTests : SqliteMessageStoreTests
{
    [Fact]
    public async Task A_resent_key_is_a_conflict_wherever_the_message_is_by_then()
    {
        var store = await OpenReadyAsync();
        var lobby = new RoomScript("lobby");
        await store.AppendAsync(lobby.Opening(messages: 0), Deadline);
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(AppendOutcome.Appended, await store.AppendAsync([lobby.Said("ana", $"m{i}")], Deadline));
            for (var sent = 0; sent <= i; sent++)
            {
                Assert.Equal(AppendOutcome.Conflict, await store.AppendAsync([new RoomScript("lobby") { LastSeq = lobby.LastSeq }.Said("ana", $"m{sent}")], Deadline));
            }
        }

        Assert.InRange(CountRows("log_tail"), 1, 4);
        Assert.InRange(CountRows("room_log"), 10, 14);
    }

    [Fact]
    public async Task What_was_appended_is_found_by_the_next_process_in_the_tail_and_in_the_log()
    {
        var lobby = new RoomScript("lobby");
        List<LogEntry> entries = [.. lobby.Opening(messages: 0)];
        var first = await OpenReadyAsync();
        await first.AppendAsync(entries, Deadline);
        for (var i = 0; i < 9; i++)
        {
            entries.Add(lobby.Said("ana", $"m{i}"));
            await first.AppendAsync([entries[^1]], Deadline);
        }

        await first.DisposeAsync();
        var second = await OpenReadyAsync();

        Assert.True(CountRows("log_tail") > 0);
        var log = await second.ReadEventsAsync("lobby", 1, long.MaxValue, 100, Deadline);
        Assert.Equal(entries.Select(entry => entry.Event), log!.Events);
        entries.Add(lobby.Said("ana", "after"));
        Assert.Equal(AppendOutcome.Appended, await second.AppendAsync([entries[^1]], Deadline));
        Assert.Equal(AppendOutcome.Conflict, await second.AppendAsync([new RoomScript("lobby") { LastSeq = lobby.LastSeq }.Said("ana", "m8")], Deadline));
        Assert.Equal(lobby.LastSeq, (await second.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"].LastSeq);
    }

    internal override IMessageStore Open() => new SqliteMessageStore(new SqliteDialect(Options, new LogTail(generationEntries: 2)));

    private long CountRows(string table)
    {
        using var connection = new SqliteConnection($"Data Source={Options.Path}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"select count(*) from {table}";
        return (long)command.ExecuteScalar()!;
    }
}
