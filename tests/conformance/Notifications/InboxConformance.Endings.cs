using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Notifications.Privacy;

namespace Tertulia.Conformance.Notifications;

/// <content>What nobody is to be told any more.</content>
public abstract partial class InboxConformance
{
    [Fact]
    public async Task A_deleted_message_takes_its_notifications_with_it()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await FollowAsync([Delete(_lobby.Said("ana", "d1"), "id-ana-a"), _lobby.Said("ana", "c", "@bruno"), Delete(_lobby.Said("ana", "d2"), "id-ana-c")]);

        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Equal(1U, (await ReadAsync("bruno")).Unread);
    }

    [Fact]
    public async Task Who_is_banned_has_no_more_of_what_the_room_said_and_who_left_an_open_room_has()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno @carla"), _lobby.Said("ana", "b", "@bruno")]);

        await FollowAsync([
            _lobby.Said("ana", "c", "@bruno otra vez"),
            Gone("bruno", MemberAction.Ban, banned: true),
            Gone("carla", MemberAction.Leave),
        ]);

        Assert.Empty(await InboxAsync("bruno"));
        Assert.Equal(0u, (await ReadAsync("bruno")).Unread);
        Assert.Single(await InboxAsync("carla"));
    }

    [Fact]
    public async Task Who_is_out_of_a_private_room_and_everybody_of_a_deleted_one_has_nothing_of_it()
    {
        await FollowAsync([
            _lobby.Wrote("ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "private" } } }),
            _lobby.Said("ana", "a", "@bruno @carla"),
        ]);
        await FollowAsync([
            Gone("bruno", MemberAction.Kick),
            _lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Action = MemberAction.Invite, InvitedBy = "ana" } }),
        ]);
        Assert.Equal(["invitation "], await KindsAsync("bruno"));
        Assert.Single(await InboxAsync("carla"));

        await FollowAsync([_lobby.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() })]);

        Assert.Empty(await InboxAsync("bruno"));
        Assert.Empty(await InboxAsync("carla"));
    }

    [Theory]
    [InlineData("private", false)]
    [InlineData("auditorium", true)]
    public async Task Of_a_public_room_that_is_made_private_who_is_no_member_keeps_nothing_but_an_invitation(string kind, bool keeps)
    {
        await SetAsync("eva", new NotificationPreferences { Level = "none", Digest = new DigestPreferences { Every = "daily", At = "08:30" } });
        await FollowAsync([
            _lobby.Wrote("ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "open" } } }),
            _lobby.Said("ana", "root", "@bruno @carla @eva secreto"), InThread("bruno", "r1"), InThread("eva", "r2"),
        ]);
        await MarkThreadAsync("zoe", 0, following: true); // Never a member.
        await FollowAsync([Gone("bruno", MemberAction.Leave), Gone("eva", MemberAction.Leave)]);
        await FollowAsync([_lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Action = MemberAction.Invite, InvitedBy = "ana" } })]);
        Assert.Equal(["mention id-ana-root", "thread id-eva-r2", "invitation "], await KindsAsync("bruno"));

        await FollowAsync([
            _lobby.Said("ana", "more", "@carla"), _lobby.Wrote("ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = kind } } }),
        ]);

        Assert.Equal(keeps ? 3 : 1, (await InboxAsync("bruno")).Count);
        Assert.Equal("invitation ", (await KindsAsync("bruno"))[^1]);
        Assert.Equal(keeps ? 3u : 1u, (await ReadAsync("bruno")).Unread);
        Assert.Equal(["mention id-ana-root", "thread id-bruno-r1", "thread id-eva-r2", "mention id-ana-more"], await KindsAsync("carla"));
        Assert.Equal(keeps ? 1 : 0, (await _store.ReadAsync(round => round.Withheld.SumUpAsync("eva"), Deadline)).Count);
        Assert.Equal(keeps, await _store.ReadAsync(round => round.Threads.FindAsync(Root, "zoe", 1), Deadline) is not null);
        Assert.NotNull(await _store.ReadAsync(round => round.Threads.FindAsync(Root, "carla", 1), Deadline));
    }

    [Fact]
    public async Task Of_a_user_who_is_deleted_neither_the_user_nor_others_keep_anything()
    {
        await SetAsync("ana", new NotificationPreferences { Level = "mentions", Keywords = { "urgente" } });
        await FollowAsync([_lobby.Said("ana", "a", "@bruno secreto"), _lobby.Said("carla", "c", "@bruno @ana hola")]);
        var eraser = new UserEraser(_store, _inbox, _news);

        await eraser.EraseAsync("ana", Deadline);
        await eraser.EraseAsync("ana", Deadline);

        Assert.Equal(["2 mention id-carla-c CARLA · lobby: @bruno @ana hola"], await InboxAsync("bruno"));
        Assert.Equal(1u, (await ReadAsync("bruno")).Unread);
        Assert.Empty(await InboxAsync("ana"));
        Assert.Equal(0u, (await ReadAsync("ana")).Unread);
        Assert.Equal(new NotificationPreferences(), await _grpc.GetPreferences(new GetPreferencesRequest { UserId = "ana" }, Call()));
    }

    [Fact]
    public void What_waits_for_a_webhook_is_told_without_what_the_user_wrote()
    {
        var said = _lobby.Said("ana", "a", "secreto");
        var body = Tertulia.Notifications.Webhooks.WebhookEvents.Of("e1", "lobby", said.Event)!.Body;

        Assert.Null(UserEraser.Without(body, "bruno"));
        var without = UserEraser.Without(body, "ana")!;
        Assert.DoesNotContain("secreto", without, StringComparison.Ordinal);
        Assert.DoesNotContain("ANA", without, StringComparison.Ordinal);
        Assert.Contains("id-ana-a", without, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_room_keeps_no_longer_is_not_told_either()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno viejo")]);
        await FollowAsync([_lobby.Said("ana", "b", "@bruno nuevo")]);
        await FollowAsync([_lobby.Wrote("", new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = _lobby.LastSeq } })]);

        Assert.Equal(["2 mention id-ana-b ANA · lobby: @bruno nuevo"], await InboxAsync("bruno"));
        Assert.Equal(1u, (await ReadAsync("bruno")).Unread);
    }

    [Fact]
    public async Task What_a_message_said_before_it_was_edited_is_not_kept()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno secreto")]);
        await FollowAsync([Edit(_lobby.Said("ana", "e1"), "id-ana-a", "@bruno perdón")]);
        await FollowAsync([_lobby.Said("ana", "b", "@bruno otro secreto"), Edit(_lobby.Said("ana", "e2"), "id-ana-b", "nada")]);

        Assert.Equal(["1 mention id-ana-a ANA · lobby: @bruno perdón"], await InboxAsync("bruno"));
    }

    [Fact]
    public async Task An_edit_that_takes_a_mention_away_takes_the_notification_and_one_that_brings_it_back_tells_once()
    {
        await SetAsync("eva", new NotificationPreferences { Keywords = { "secreto" } });
        await FollowAsync([_lobby.Said("ana", "a", "@bruno @carla secreto"), _lobby.Said("ana", "b", "@bruno")]);
        await MarkAsync(new MarkReadRequest { UserId = "bruno", UpToUseq = 1 });

        await FollowAsync([Edit(_lobby.Said("ana", "e1"), "id-ana-a", "@carla nada")]);
        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Equal(["mention id-ana-a"], await KindsAsync("carla"));
        Assert.Empty(await InboxAsync("eva"));
        Assert.Equal((1u, 1u, 0u), ((await ReadAsync("bruno")).Unread, (await ReadAsync("carla")).Unread, (await ReadAsync("eva")).Unread));

        await FollowAsync([Edit(_lobby.Said("ana", "e2"), "id-ana-a", "@bruno @carla")], [Edit(_lobby.Said("ana", "e3"), "id-ana-a", "@bruno @carla otra vez")]);
        Assert.Equal(["mention id-ana-b", "mention id-ana-a"], await KindsAsync("bruno"));
        Assert.Equal(["1 mention id-ana-a ANA · lobby: @bruno @carla otra vez"], await InboxAsync("carla"));
        Assert.Equal(2u, (await ReadAsync("bruno")).Unread);

        await FollowAsync([Delete(_lobby.Said("ana", "d"), "id-ana-a")]);
        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Empty(await InboxAsync("carla"));
    }

    [Fact]
    public async Task Who_is_told_for_another_reason_too_is_still_told_without_the_mention_unless_that_is_not_wanted()
    {
        foreach (var userId in (string[])["bruno", "carla"])
        {
            await FollowAsync([Reply(_lobby.Said(userId, "r"), root: "id-ana-root", answers: "id-ana-root", of: "ana")]);
        }

        await SetAsync("carla", new NotificationPreferences { Level = "mentions" });
        await FollowAsync([Reply(_lobby.Said("eva", "t", "@bruno @carla"), root: "id-ana-root", answers: "id-ana-root", of: "ana")]);
        Assert.Equal("mention id-eva-t", (await KindsAsync("bruno"))[^1]);

        await FollowAsync([Edit(_lobby.Said("eva", "e1"), "id-eva-t", "nada")]);
        Assert.Equal("thread id-eva-t", (await KindsAsync("bruno"))[^1]);
        Assert.Empty(await InboxAsync("carla"));

        await FollowAsync([Edit(_lobby.Said("eva", "e2"), "id-eva-t", "@bruno")]);
        Assert.Equal("mention id-eva-t", (await KindsAsync("bruno"))[^1]);
        await FollowAsync([Edit(_lobby.Said("eva", "e3"), "id-eva-t", "")]);
        Assert.Equal(["thread id-carla-r", "thread id-eva-t"], await KindsAsync("bruno"));
    }

    [Fact]
    public async Task Who_was_told_by_a_mention_of_the_room_keeps_it_while_the_message_has_it()
    {
        _online.UnionWith(["bruno", "carla"]);
        await FollowAsync([_lobby.Said("eva", "a", "@room"), _lobby.Said("eva", "b", "@here")]);
        _online.Clear();
        await FollowAsync([_lobby.Joined("zoe"), _lobby.Joined("iris")]); // More members than may be mentioned by anyone.

        await FollowAsync([Edit(_lobby.Said("eva", "e1"), "id-eva-a", "@room perdón"), Edit(_lobby.Said("eva", "e2"), "id-eva-b", "@here perdón")]);
        Assert.Equal(["mention_room id-eva-a", "mention_here id-eva-b"], await KindsAsync("bruno"));
        Assert.Empty(await InboxAsync("zoe"));

        await FollowAsync([Edit(_lobby.Said("eva", "e3"), "id-eva-a", "@carla"), Edit(_lobby.Said("eva", "e4"), "id-eva-b", "")]);
        Assert.Empty(await InboxAsync("bruno"));
        Assert.Equal(["mention id-eva-a"], await KindsAsync("carla"));
    }

    [Fact]
    public async Task What_a_digest_waits_to_tell_goes_with_the_mention()
    {
        await SetAsync("bruno", new NotificationPreferences { Level = "none", Digest = new DigestPreferences { Every = "daily", At = "08:30" } });
        await FollowAsync([_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await FollowAsync([Edit(_lobby.Said("ana", "e1"), "id-ana-a", "nada")]);

        Assert.Equal([("lobby", 1L)], (await _store.ReadAsync(round => round.Withheld.SumUpAsync("bruno"), Deadline)).Select(room => (room.RoomId, room.Count)));
    }

    private RoomEntry Gone(string userId, MemberAction action, bool banned = false) =>
        _lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = userId, Action = action, Banned = banned } });
}
