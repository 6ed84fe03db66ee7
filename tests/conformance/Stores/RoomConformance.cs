using Tertulia.Contracts;
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

        var head = Assert.Single(loaded.Rooms).Value with { Settings = null };
        Assert.Equal(new RoomHead("lobby", "open", Members: 2, LastSeq: 5, Messages: 2, CreatedBy: "ana", Owners: 1), head);
        Assert.Equal(2, loaded.Members.Count);
        Assert.Equal(new Membership("owner", Banned: false), loaded.Members[new("lobby", "ana")]);
        Assert.Equal(new Membership("member", Banned: false), loaded.Members[new("lobby", "bruno")]);
    }

    [Fact]
    public async Task Settings_are_those_of_the_last_entry_that_has_some()
    {
        var lobby = new RoomScript("lobby");
        var settings = new RoomSettings { Kind = "private", Name = "Sala", Community = "casa", SlowModeSeconds = 5, Archived = true, RetentionDays = 7 };
        await AppendedAsync([.. lobby.Opening(messages: 0), lobby.Wrote("ana", Updated(new RoomSettings { Kind = "open", Name = "Sal" })), lobby.Wrote("ana", Updated(settings))]);
        await AppendedAsync([.. new RoomScript("other").Opening(messages: 0)]);

        var loaded = (await Store.LoadAsync(["lobby", "other"], [], Deadline)).Rooms;

        Assert.Equal(("private", settings), (loaded["lobby"].Kind, loaded["lobby"].Settings));
        Assert.Equal("open", loaded["other"].Kind);
    }

    [Fact]
    public async Task A_deleted_room_keeps_its_row_and_is_shown_to_nobody()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 2), lobby.Wrote("ana", Updated(new RoomSettings { Kind = "private" })), lobby.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() })]);

        var head = Assert.Single((await Store.LoadAsync(["lobby"], [], Deadline)).Rooms).Value;

        Assert.Equal((true, "private", 6L), (head.IsDeleted, head.Kind, head.LastSeq));
        Assert.Null(await Store.ReadPageAsync(new("lobby", "ana"), HistoryRange.Newest, ReadLimit.Of(10), Deadline));
        Assert.Null(await Store.ReadChangesAsync(new("lobby", "ana"), sinceSeq: 0, ReadLimit.Of(10), Deadline));
        Assert.Empty((await Store.ListRoomsAsync("ana", "", limit: 10, Deadline)).Rooms);
        Assert.Equal(6, (await LogAsync("lobby"))!.Events.Count);
    }

    [Fact]
    public async Task A_members_state_is_that_of_the_last_entry_and_a_name_that_is_not_known_changes_none()
    {
        var lobby = new RoomScript("lobby");
        var banned = new MemberChanged { UserId = "bruno", Banned = true, BannedUntilMs = 5_000, Muted = true, MutedUntilMs = 6_000, Members = 1 };
        var invited = new MemberChanged { UserId = "carla", InvitedBy = "ana", Members = 1 };
        await AppendedAsync(
        [
            .. lobby.Opening(messages: 0), lobby.Joined("bruno"), lobby.Wrote("ana", new RoomEvent { Member = banned }),
            lobby.Wrote("ana", new RoomEvent { Member = invited }),
        ]);

        var loaded = await Store.LoadAsync(["lobby"], [new("lobby", "bruno"), new("lobby", "carla")], Deadline);
        var view = await Store.ReadPageAsync(new("lobby", "bruno"), HistoryRange.Newest, ReadLimit.Of(1), Deadline);

        Assert.Equal((1, 1), (loaded.Rooms["lobby"].Members, loaded.Rooms["lobby"].Owners));
        Assert.Equal(new Membership("", Banned: true, Muted: true, BannedUntilMs: 5_000, MutedUntilMs: 6_000), loaded.Members[new("lobby", "bruno")]);
        Assert.Equal(new Membership("", Banned: false, InvitedBy: "ana"), loaded.Members[new("lobby", "carla")]);
        Assert.Equal(new Membership("", Banned: true, Muted: true, BannedUntilMs: 5_000, MutedUntilMs: 6_000), view!.Reader);
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

    private static RoomEvent Updated(RoomSettings settings) => new() { RoomUpdated = new RoomUpdated { Settings = settings, Changed = { "kind" } } };
}
