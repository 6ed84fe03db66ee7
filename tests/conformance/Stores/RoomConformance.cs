using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Rooms, their members, and the names that positions in them have.</summary>
public abstract class RoomConformance(IStoreDatabase database) : StoreConformance(database)
{
    [Fact]
    public async Task Rooms_and_memberships_are_loaded_together_and_what_is_missing_is_absent()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 2), lobby.Joined("bruno")]);

        var loaded = await Store.LoadAsync(
            ["nowhere", "lobby"], [new("lobby", "ana"), new("lobby", "bruno"), new("lobby", "carla"), new("nowhere", "ana")], Deadline);

        Assert.Equal(new RoomHead("lobby", "open", Members: 2, LastSeq: 5, Messages: 2, CreatedBy: "ana"), Assert.Single(loaded.Rooms).Value);
        Assert.Equal(2, loaded.Members.Count);
        Assert.Equal(new Membership("owner", Banned: false), loaded.Members[new("lobby", "ana")]);
        Assert.Equal(new Membership("member", Banned: false), loaded.Members[new("lobby", "bruno")]);
    }

    [Fact]
    public async Task A_reader_learns_the_room_and_their_own_place_in_it()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 5), lobby.Joined("bruno")]);

        var bruno = await Store.ReadChangesAsync(new("lobby", "bruno"), sinceSeq: 4, ReadLimit.Of(2), Deadline);
        var stranger = await Store.ReadPageAsync(new("lobby", "carla"), HistoryRange.BeforeSeq(1), ReadLimit.Of(2), Deadline);

        Assert.Equal(new RoomHead("lobby", "open", Members: 2, LastSeq: 8, Messages: 5, CreatedBy: "ana"), bruno!.Head);
        Assert.Equal(new Membership("member", Banned: false), bruno.Reader);
        Assert.Equal((Membership.None, bruno.Head), (stranger!.Reader, stranger.Head));
        Assert.Empty(stranger.Messages);
    }

    [Fact]
    public async Task A_users_rooms_are_listed_page_by_page_with_role_and_position()
    {
        var atrium = new RoomScript("atrium");
        await AppendedAsync(
        [
            .. new RoomScript("lobby").Opening(messages: 2), .. atrium.Opening(messages: 0), atrium.Joined("bruno"),
            .. new RoomScript("Zoo").Opening(messages: 1),
        ]);

        var first = await Store.ListRoomsAsync("ana", "", limit: 2, Deadline);
        var second = await Store.ListRoomsAsync("ana", first.Rooms[^1].RoomId, limit: 2, Deadline);
        var none = await Store.ListRoomsAsync("ana", "lobby", limit: 2, Deadline);

        Assert.Equal([new MemberRoom("Zoo", "owner", 3, 1), new MemberRoom("atrium", "owner", 3, 0)], first.Rooms);
        Assert.Equal([new MemberRoom("lobby", "owner", 4, 2)], second.Rooms);
        Assert.Equal((true, false, false), (first.HasMore, second.HasMore, none.HasMore));
        Assert.Empty(none.Rooms);
        Assert.Equal(Store.Epoch, none.Epoch);
    }

    [Fact]
    public async Task The_rooms_a_user_created_are_counted_in_all_and_since_a_time()
    {
        await AppendedAsync(
            new RoomScript("a").Created("ana", createdAtMs: 1_000), new RoomScript("b").Created("ana", createdAtMs: 2_000),
            new RoomScript("c").Created("ana", createdAtMs: 3_000), new RoomScript("d").Created("bruno", createdAtMs: 500));

        var counts = await Store.CountCreatedRoomsAsync(["ana", "bruno", "carla"], sinceMs: 1_000, Deadline);

        Assert.Equal(2, counts.Count);
        Assert.Equal(new CreatedRooms(Total: 3, Recent: 2, OldestRecentMs: 2_000), counts["ana"]);
        Assert.Equal(new CreatedRooms(Total: 1, Recent: 0, OldestRecentMs: 0), counts["bruno"]);
    }

    [Fact]
    public async Task Several_processes_may_initialise_at_once_and_agree_on_the_epoch()
    {
        await DisposeAsync();
        await Database.CreateAsync();
        var stores = Enumerable.Range(0, 4).Select(_ => Open()).ToArray();

        await Task.WhenAll(stores.Select(store => Task.Run(() => store.InitializeAsync(Deadline))));

        Assert.Equal(8, stores[0].Epoch.Length);
        Assert.Single(stores.Select(store => store.Epoch).Distinct());
    }

    [Fact]
    public async Task The_epoch_is_the_databases_and_stays()
    {
        var again = await OpenReadyAsync();

        Assert.Equal(Store.Epoch, again.Epoch);
    }

    [Fact]
    public async Task A_void_epoch_is_renewed_once_however_many_ask_and_every_store_learns_it_by_reading()
    {
        var second = await OpenReadyAsync();
        var third = await OpenReadyAsync();
        await AppendedAsync(new RoomScript("lobby").Opening(messages: 0));
        var known = Store.Epoch;

        var renewed = await Task.WhenAll(Store.RenewEpochAsync(known, Deadline), second.RenewEpochAsync(known, Deadline));

        Assert.Equal(renewed[0], renewed[1]);
        Assert.NotEqual(known, renewed[0]);
        Assert.Equal(renewed[0], await Store.RenewEpochAsync(known, Deadline));
        Assert.Equal((renewed[0], renewed[0], known), (Store.Epoch, second.Epoch, third.Epoch));
        Assert.Equal(renewed[0], (await third.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline))!.Epoch);
        Assert.Equal(renewed[0], third.Epoch);
        var fourth = await OpenReadyAsync();
        Assert.Equal(renewed[0], fourth.Epoch);
    }

    [Fact]
    public void Before_it_is_initialised_there_is_no_epoch() => Assert.Throws<StoreUnavailableException>(() => Open().Epoch);
}
