using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What is read of rooms beside their logs.</summary>
public abstract class RoomReadConformance(IStoreDatabase database) : StoreConformance(database)
{
    private IRoomReads Reads => field ??= Database.OpenReads();

    [Fact]
    public async Task When_users_last_wrote_is_read_back_to_a_time()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(
        [
            .. lobby.Opening(messages: 2), lobby.Joined("bruno"), lobby.Said("bruno", "b1"), lobby.Said("ana", "a1"), lobby.Joined("carla"), lobby.Said("bruno", "b2"),
        ]);
        var first = lobby.LastSeq - 3; // Of b1.

        var all = await Reads.LastSentAsync("lobby", sinceMs: 0, Deadline);
        var late = await Reads.LastSentAsync("lobby", TimeOf(first + 1), Deadline);

        Assert.Equal([("ana", TimeOf(first + 1)), ("bruno", TimeOf(first + 3))], all.OrderBy(time => time.Key, StringComparer.Ordinal).Select(time => (time.Key, time.Value)));
        Assert.Equal([("bruno", TimeOf(first + 3))], late.Select(time => (time.Key, time.Value)));
        Assert.Empty(await Reads.LastSentAsync("nowhere", sinceMs: 0, Deadline));
    }

    [Fact]
    public async Task Invitations_that_wait_for_an_answer_are_counted()
    {
        var (lobby, other) = (new RoomScript("lobby"), new RoomScript("other"));
        await AppendedAsync([.. lobby.Opening(messages: 0), Invited(lobby, "bruno"), Invited(lobby, "carla"), Invited(lobby, "eva"), lobby.Joined("eva")]);
        await AppendedAsync([.. other.Opening(messages: 0), Invited(other, "bruno")]);
        Assert.Equal(2, await Reads.CountInvitedAsync("lobby", Deadline));

        await AppendedAsync([lobby.Wrote("carla", new RoomEvent { Member = new MemberChanged { UserId = "carla", Action = MemberAction.Decline, Members = 2 } })]);

        Assert.Equal(1, await Reads.CountInvitedAsync("lobby", Deadline));
        Assert.Equal(1, await Reads.CountInvitedAsync("other", Deadline));
        Assert.Equal(0, await Reads.CountInvitedAsync("nowhere", Deadline));

        static RoomEntry Invited(RoomScript room, string userId) =>
            room.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = userId, Action = MemberAction.Invite, InvitedBy = "ana", Members = 1 } });
    }

    [Fact]
    public async Task The_ids_of_a_users_rooms_are_listed_without_those_that_are_left_forbidden_or_deleted()
    {
        foreach (var room in (string[])["a", "B", "c", "d", "e", "f"])
        {
            var script = new RoomScript(room);
            await AppendedAsync([.. script.Opening(messages: 1), script.Joined("bruno"), .. room switch
            {
                "c" => [script.Wrote("bruno", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Members = 1 } })],
                "d" => [script.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Role = "member", Banned = true, Members = 1 } })],
                "e" => [script.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() })],
                _ => Array.Empty<RoomEntry>(),
            }]);
        }

        var first = await Reads.ListRoomIdsAsync("bruno", "", limit: 2, Deadline);
        var rest = await Reads.ListRoomIdsAsync("bruno", "a", limit: 2, Deadline);

        Assert.Equal(["B", "a"], first.Items);
        Assert.True(first.HasMore);
        Assert.Equal(["f"], rest.Items);
        Assert.False(rest.HasMore);
        Assert.Empty((await Reads.ListRoomIdsAsync("nobody", "", limit: 2, Deadline)).Items);
    }

    [Fact]
    public async Task Members_are_listed_by_user_id_and_who_has_another_place_only_when_asked()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(
        [
            .. lobby.Opening(messages: 1), lobby.Joined("bruno"), lobby.Joined("Zoe"),
            lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "dora", Username = "Dora", Banned = true, BannedUntilMs = 5_000, Members = 3 } }),
            lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "eva", Username = "Eva", InvitedBy = "ana", Members = 3 } }),
            lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "gil", Username = "Gil", Muted = true, Members = 3 } }),
            lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "hal", Username = "Hal", Members = 3 } }),
        ]);
        await AppendedAsync([.. new RoomScript("other").Opening(messages: 0)]);

        var first = await Reads.ListMembersAsync("lobby", "", withOthers: false, nowMs: 1_000, limit: 2, Deadline);
        var second = await Reads.ListMembersAsync("lobby", "ana", withOthers: false, nowMs: 1_000, limit: 2, Deadline);
        var all = await Reads.ListMembersAsync("lobby", "ana", withOthers: true, nowMs: 1_000, limit: 10, Deadline);
        var later = await Reads.ListMembersAsync("lobby", "ana", withOthers: true, nowMs: 5_000, limit: 10, Deadline);

        Assert.Equal([new("Zoe", "ZOE", new Membership("member", Banned: false)), new RoomUser("ana", "ANA", new Membership("owner", Banned: false))], first.Items);
        Assert.True(first.HasMore);
        Assert.Equal(["bruno"], second.Items.Select(user => user.UserId));
        Assert.False(second.HasMore);
        Assert.Equal(["bruno", "dora", "eva", "gil"], all.Items.Select(user => user.UserId));
        Assert.Equal(
            [new Membership("", Banned: true, BannedUntilMs: 5_000), new Membership("", Banned: false, InvitedBy: "ana"), new Membership("", Banned: false, Muted: true)],
            all.Items.Skip(1).Select(user => user.Membership));
        Assert.Equal(["bruno", "eva", "gil"], later.Items.Select(user => user.UserId));
    }

    [Fact]
    public async Task A_room_is_read_with_what_changed_of_its_settings_and_members_since_a_seq()
    {
        var lobby = new RoomScript("lobby");
        var settings = new RoomSettings { Kind = "private", Name = "Lobby", SlowModeSeconds = 5 };
        await AppendedAsync(
        [
            .. lobby.Opening(messages: 2), lobby.Joined("bruno"), lobby.Said("ana", "m3"),
            lobby.Wrote("ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = settings, Changed = { "name" } } }),
            lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Muted = true, Role = "member", Members = 2 } }),
        ]);
        await AppendedAsync([.. new RoomScript("other").Opening(messages: 0)]);
        var (joined, last) = (lobby.LastSeq - 3, lobby.LastSeq);

        var all = await Reads.ReadRoomAsync("lobby", sinceSeq: 2, limit: 3, Deadline);
        var cut = await Reads.ReadRoomAsync("lobby", sinceSeq: 2, limit: 2, Deadline);
        var none = await Reads.ReadRoomAsync("lobby", last, limit: 3, Deadline);

        Assert.Equal([joined, last - 1, last], all!.Entries.Select(entry => entry.Seq));
        Assert.Equal((false, Store.Epoch, settings), (all.HasMore, all.Epoch, all.Settings));
        Assert.Equal(settings, all.Entries[1].RoomUpdated.Settings);
        Assert.Equal([joined, last - 1], cut!.Entries.Select(entry => entry.Seq));
        Assert.True(cut.HasMore);
        Assert.Equal((0, false, settings), (none!.Entries.Count, none.HasMore, none.Settings));
        Assert.Equal(new RoomSettings { Kind = "open" }, (await Reads.ReadRoomAsync("other", 0, 1, Deadline))!.Settings);
        Assert.Null(await Reads.ReadRoomAsync("nowhere", 0, 1, Deadline));
    }

    [Fact]
    public async Task A_room_that_was_deleted_is_not_read()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 1), lobby.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() })]);

        Assert.Null(await Reads.ReadRoomAsync("lobby", 0, 1, Deadline));
    }

    [Fact]
    public async Task Reports_of_a_room_are_listed_the_newest_first()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 1), Report("bruno"), lobby.Said("ana", "m2"), Report("carla"), Report("dora")]);

        var first = await Reads.ListReportsAsync("lobby", long.MaxValue, limit: 2, Deadline);
        var second = await Reads.ListReportsAsync("lobby", first.Items[^1].Seq, limit: 2, Deadline);

        Assert.Equal([("dora", 7L), ("carla", 6L)], first.Items.Select(entry => (entry.UserId, entry.Seq)));
        Assert.Equal((true, "spam"), (first.HasMore, first.Items[0].Reported.Reason));
        Assert.Equal(["bruno"], second.Items.Select(entry => entry.UserId));
        Assert.False(second.HasMore);

        RoomEntry Report(string userId) => lobby.Wrote(userId, new RoomEvent { Reported = new MessageReported { MessageId = "id-ana-m1", MessageSeq = 3, AuthorId = "ana", Reason = "spam" } });
    }

    private static long TimeOf(long seq) => 1_700_000_000_000 + seq;
}
