using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Lists of rooms: a user's by activity, those of a community, and what their rows show.</summary>
public abstract class RoomListConformance(IStoreDatabase database) : StoreConformance(database)
{
    private const long Noon = 1_800_000_000_000;

    private IRoomLists Lists => field ??= Database.OpenLists();

    [Fact]
    public async Task A_users_rooms_come_by_their_newest_message_page_by_page()
    {
        var (a, b, c, d) = (new RoomScript("a"), new RoomScript("b"), new RoomScript("c"), new RoomScript("d"));
        await AppendedAsync(
        [
            a.Created(createdAtMs: Noon), a.Joined("ana", "owner"), At(a.Said("ana", "m1"), Noon + 10),
            b.Created(createdAtMs: Noon + 5), b.Joined("ana", "owner"),
            c.Created(createdAtMs: Noon), c.Joined("ana", "owner"), At(c.Said("ana", "m1"), Noon + 20), At(c.Joined("bruno"), Noon + 90),
            d.Created(createdAtMs: Noon), d.Joined("ana", "owner"), At(d.Said("ana", "m1"), Noon + 10),
        ]);

        var first = await Lists.ListActiveAsync("ana", after: null, limit: 3, Deadline);
        var second = await Lists.ListActiveAsync("ana", first.Items[^1], limit: 3, Deadline);

        Assert.Equal([new("c", Noon + 20), new("a", Noon + 10), new ActiveRoom("d", Noon + 10)], first.Items);
        Assert.Equal([new ActiveRoom("b", Noon + 5)], second.Items); // Nobody wrote in it.
        Assert.Equal((true, false), (first.HasMore, second.HasMore));
        Assert.Equal(["d", "b"], (await Lists.ListActiveAsync("ana", new ActiveRoom("a", Noon + 10), limit: 9, Deadline)).Items.Select(room => room.RoomId));
        Assert.Equal(["c"], (await Lists.ListActiveAsync("bruno", after: null, limit: 9, Deadline)).Items.Select(room => room.RoomId));
        Assert.Empty((await Lists.ListActiveAsync("zoe", after: null, limit: 9, Deadline)).Items);
    }

    [Fact]
    public async Task Rooms_that_one_left_or_is_banned_from_or_that_are_deleted_are_not_listed()
    {
        foreach (var (room, role, end) in new (string, string, RoomEvent?)[]
        {
            ("left", "", null), ("stays", "member", null), ("deleted", "member", new RoomEvent { RoomDeleted = new RoomDeleted() }),
            ("banned", "member", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Banned = true, Members = 1 } }),
            ("invited", "member", new RoomEvent { Member = new MemberChanged { UserId = "bruno", InvitedBy = "ana", Members = 1 } }),
        })
        {
            var script = new RoomScript(room);
            await AppendedAsync([.. script.Opening(messages: 1), script.Joined("bruno"), script.Joined("bruno", role), .. end is null ? [] : new[] { script.Wrote("ana", end) }]);
        }

        Assert.Equal(["stays"], (await Lists.ListActiveAsync("bruno", after: null, limit: 9, Deadline)).Items.Select(room => room.RoomId));
        Assert.Equal(["invited"], (await Lists.ListInvitationsAsync("bruno", "", Noon, limit: 9, Deadline)).Items);
        Assert.Empty((await Lists.ListInvitationsAsync("bruno", "invited", Noon, limit: 9, Deadline)).Items);
        Assert.Empty((await Lists.ListInvitationsAsync("ana", "", Noon, limit: 9, Deadline)).Items);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(200)]
    public async Task The_newest_message_is_found_however_much_else_happened_since(int others)
    {
        var lobby = new RoomScript("lobby");
        List<RoomEntry> entries = lobby.Opening(messages: 7);
        var last = entries[^1];
        entries.AddRange(Enumerable.Range(0, others).Select(i => lobby.Joined($"user-{i}")));
        await AppendedAsync(entries);
        await AppendedAsync(new RoomScript("silent").Created());

        var found = await Lists.ReadLastMessagesAsync(["lobby", "silent", "nowhere"], Deadline);

        var message = Assert.Single(found);
        Assert.Equal(("lobby", last.Event.Message.MessageId, last.Event.Seq, "content 7"), (message.Key, message.Value.MessageId, message.Value.Seq, message.Value.Content));
        Assert.Equal(last.Event.CreatedAtMs, Assert.Single((await Lists.ListActiveAsync("ana", after: null, limit: 9, Deadline)).Items).AtMs);
    }

    [Fact]
    public async Task In_a_room_of_many_entries_without_a_message_none_is_found_and_each_of_the_first_is()
    {
        var silent = new RoomScript("silent");
        await AppendedAsync([silent.Created(createdAtMs: Noon), .. Enumerable.Range(0, 100).Select(i => silent.Joined($"user-{i}"))]);
        for (var before = 0; before < 4; before++)
        {
            var room = new RoomScript($"room-{before}");
            await AppendedAsync(
            [
                room.Created(), .. Enumerable.Range(0, before).Select(i => room.Joined($"early-{i}")), room.Said("ana", "only"),
                .. Enumerable.Range(0, 64).Select(i => room.Joined($"user-{i}")),
            ]);
        }

        var found = await Lists.ReadLastMessagesAsync(["silent", "room-0", "room-1", "room-2", "room-3"], Deadline);

        Assert.Equal([("room-0", 2L), ("room-1", 3L), ("room-2", 4L), ("room-3", 5L)], found.OrderBy(room => room.Key, StringComparer.Ordinal).Select(room => (room.Key, room.Value.Seq)));
        Assert.Equal(Noon, (await Lists.ListActiveAsync("user-99", after: null, limit: 9, Deadline)).Items.Single().AtMs);
    }

    [Fact]
    public async Task The_newest_message_is_shown_as_it_is_now()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 1);
        await AppendedAsync([.. opening, lobby.Edited(opening[^1], "adiós")]);

        var message = (await Lists.ReadLastMessagesAsync(["lobby"], Deadline))["lobby"];

        Assert.Equal(("adiós", 3L, 4L), (message.Content, message.Seq, message.UpdatedSeq));
    }

    [Fact]
    public async Task Channels_are_those_that_the_user_may_see()
    {
        await ChannelAsync("open", "open");
        await ChannelAsync("stage", "auditorium");
        await ChannelAsync("private-own", "private", new MemberChanged { UserId = "bruno", Role = "member", Members = 2 });
        await ChannelAsync("private-invited", "private", new MemberChanged { UserId = "bruno", InvitedBy = "ana", Members = 1 });
        await ChannelAsync("private-other", "private");
        await ChannelAsync("open-banned", "open", new MemberChanged { UserId = "bruno", Banned = true, Members = 1 });
        await ChannelAsync("open-was-banned", "open", new MemberChanged { UserId = "bruno", Banned = true, BannedUntilMs = Noon, Members = 1 });
        await AppendedAsync(new RoomScript("elsewhere").Opening(messages: 0));

        Assert.Equal(["open", "open-was-banned", "private-invited", "private-own", "stage"], await ChannelsAsync("bruno", ChannelsSeen.Open));
        Assert.Equal(["private-invited", "private-own"], await ChannelsAsync("bruno", ChannelsSeen.Own));
        Assert.Equal(["open", "open-banned", "open-was-banned", "private-invited", "private-other", "private-own", "stage"], await ChannelsAsync("root", ChannelsSeen.All));
        var page = await Lists.ListChannelsAsync("casa", "zoe", ChannelsSeen.Open, "open", Noon, limit: 2, Deadline);
        Assert.Equal((true, "open-banned,open-was-banned"), (page.HasMore, string.Join(',', page.Items)));
        Assert.Empty((await Lists.ListChannelsAsync("", "zoe", ChannelsSeen.All, "", Noon, limit: 9, Deadline)).Items);
    }

    [Fact]
    public async Task A_users_channels_come_by_community()
    {
        await ChannelAsync("z", "open", community: "barrio");
        await ChannelAsync("a", "open");
        await ChannelAsync("b", "private");
        await AppendedAsync(new RoomScript("elsewhere").Opening(messages: 0));

        var first = await Lists.ListUserChannelsAsync("ana", default, limit: 2, Deadline);
        var second = await Lists.ListUserChannelsAsync("ana", first.Items[^1], limit: 2, Deadline);

        Assert.Equal([new("barrio", "z"), new RoomChannel("casa", "a")], first.Items);
        Assert.Equal([new RoomChannel("casa", "b")], second.Items);
        Assert.Equal((true, false), (first.HasMore, second.HasMore));
    }

    [Fact]
    public async Task Of_a_direct_room_the_other_one_is_known()
    {
        var room = new RoomScript("dm:1");
        await AppendedAsync([room.Created(), room.Joined("ana"), room.Joined("bruno")]);
        await AppendedAsync([.. new RoomScript("alone").Opening(messages: 0)]);

        var others = await Lists.ReadOthersAsync(["dm:1", "alone"], "ana", Deadline);

        Assert.Equal(("dm:1", "bruno", "BRUNO"), (Assert.Single(others).Key, others["dm:1"].UserId, others["dm:1"].Username));
    }

    private async Task<List<string>> ChannelsAsync(string userId, ChannelsSeen sees) =>
        (await Lists.ListChannelsAsync("casa", userId, sees, "", Noon, limit: 9, Deadline)).Items;

    private async Task ChannelAsync(string roomId, string kind, MemberChanged? other = null, string community = "casa")
    {
        var room = new RoomScript(roomId);
        var settings = new RoomSettings { Kind = kind, Community = community };
        await AppendedAsync(
        [
            room.Created(), room.Joined("ana", "owner"), room.Wrote("ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = settings } }),
            .. other is null ? [] : new[] { room.Wrote("ana", new RoomEvent { Member = other }) },
        ]);
    }

    private static RoomEntry At(RoomEntry entry, long createdAtMs)
    {
        entry.Event.CreatedAtMs = createdAtMs;
        return entry;
    }
}
