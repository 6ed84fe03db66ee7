using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>What only PostgreSQL does.</summary>
[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresMessageStoreTests(PostgresServer server) : StoreConformance(new PostgresDatabase(server))
{
    [Fact]
    public async Task A_value_that_it_cannot_hold_is_rejected_and_leaves_nothing_behind()
    {
        var lobby = new RoomScript("lobby");

        await Assert.ThrowsAsync<StoreRejectedException>(() => AppendAsync(lobby.Created(), lobby.Said("ana", "m\01")));

        Assert.Null(await LogAsync("lobby"));
    }

    [Fact]
    public async Task What_was_appended_survives_a_killed_server_and_the_store_goes_on_when_it_is_back()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 3));

        await server.Server.Process.KillAsync();
        var during = await Record.ExceptionAsync(() => AppendAsync(lobby.Said("ana", "m4")));
        await server.Server.Process.RestartAsync(Deadline);
        lobby.LastSeq--;
        await AppendedAsync(lobby.Said("ana", "m5"));

        Assert.IsType<StoreUnavailableException>(during);
        Assert.Equal([1, 2, 3, 4, 5, 6], (await LogAsync("lobby"))!.Events.Select(entry => entry.Seq));
    }
}
