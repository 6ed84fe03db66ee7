using Tertulia.Testing;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Conformance.Stores;

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresMessageStoreTests(PostgresServer server) : MessageStoreConformance
{
    private string _connectionString = "";

    [Fact]
    public async Task A_value_that_it_cannot_hold_is_rejected_and_leaves_nothing_behind()
    {
        await using var store = Open();
        await store.InitializeAsync(Deadline);
        var lobby = new RoomScript("lobby");

        await Assert.ThrowsAsync<StoreRejectedException>(() => store.AppendAsync([lobby.Created(), lobby.Said("ana", "m\01")], Deadline));

        Assert.Null(await store.ReadEventsAsync("lobby", 1, 10, 10, Deadline));
    }

    [Fact]
    public async Task What_was_appended_survives_a_killed_server_and_the_store_goes_on_when_it_is_back()
    {
        await using var store = Open();
        await store.InitializeAsync(Deadline);
        var lobby = new RoomScript("lobby");
        await store.AppendAsync(lobby.Opening(messages: 3), Deadline);

        await server.Server.Process.KillAsync();
        var during = await Record.ExceptionAsync(() => store.AppendAsync([lobby.Said("ana", "m4")], Deadline));
        await server.Server.Process.RestartAsync(Deadline);
        lobby.LastSeq--;
        var outcome = await store.AppendAsync([lobby.Said("ana", "m5")], Deadline);

        Assert.IsType<StoreUnavailableException>(during);
        Assert.Equal(AppendOutcome.Appended, outcome);
        var log = await store.ReadEventsAsync("lobby", 1, 100, 100, Deadline);
        Assert.Equal([1, 2, 3, 4, 5, 6], log!.Events.Select(entry => entry.Seq));
    }

    internal override IMessageStore Open() => new SqlMessageStore(new PostgresDialect(new StoreOptions
    {
        Kind = StoreKind.Postgres, ConnectionString = _connectionString, CommandTimeout = TimeSpan.FromSeconds(10),
    }));

    protected override async Task CreateAsync() => _connectionString = await server.CreateDatabaseAsync();

    protected override Task DropAsync() => Task.CompletedTask;
}
