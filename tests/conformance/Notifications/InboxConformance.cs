using Grpc.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Bus;
using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Explaining;
using Tertulia.Notifications.Following;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Privacy;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;

namespace Tertulia.Conformance.Notifications;

/// <summary>What becomes of a room's entries in the inboxes of its members.</summary>
public abstract partial class InboxConformance(NotificationDatabase database) : IAsyncLifetime
{
    private const int Partition = 3;

    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_100_000));
    private readonly RoomScript _lobby = new("lobby");
    private readonly HashSet<string> _online = new(StringComparer.Ordinal);
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddLogging()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Bus:Kind", "InProcess")]).Build())
        .AddSingleton(new ProcessIdentity("test"))
        .AddSingleton(TimeProvider.System)
        .AddLiveBus()
        .BuildServiceProvider();

    private NotificationStore _store = null!;
    private InboxStore _inbox = null!;
    private InboxNews _news = null!;
    private InboxGrpc _grpc = null!;
    private NotificationFollower _follower = null!;
    private FeedMark _mark = FeedMark.Start;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        _store = await database.OpenAsync();
        await _store.InitializeAsync(Deadline);
        _inbox = new InboxStore(_store, [new WithheldItems(_store)], _time);
        var presence = new PresenceService.PresenceServiceClient(new Located(_online));
        var news = _news = new InboxNews(
            new UserEventSender(_services.GetRequiredService<ILiveBus>(), presence, new ProcessIdentity("test")), NullLogger<InboxNews>.Instance);
        _grpc = new InboxGrpc(
            _store, _inbox, news, new PreferenceStore(_store, _time), new NotificationTrails(_store), new FollowedThreads(_store, _inbox),
            Options.Create(new LiveBusOptions()), _time);
        _follower = new NotificationFollower(_store, _inbox, news, presence, Options.Create(new InboxOptions { RoomMentionMembers = 4 }), _time);
        await FollowAsync(_lobby.Opening(messages: 0), [_lobby.Joined("bruno"), _lobby.Joined("carla"), _lobby.Joined("eva")]);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _services.DisposeAsync();
        await database.DropAsync();
    }

    [Fact]
    public async Task Members_are_mentioned_by_id_and_by_name_and_no_one_else()
    {
        await FollowAsync([
            _lobby.Said("ana", "a", "hola @bruno y @CARLA, no `@eva` ni eva@x.org"),
            _lobby.Said("ana", "b", "@nadie @zoe @ana"),
            _lobby.Said("bruno", "c", "@<eva>: mira"),
        ]);

        Assert.Equal(["1 mention id-ana-a ANA · lobby: hola @bruno y @CARLA, no `@eva` ni eva@x.org"], await InboxAsync("bruno"));
        Assert.Single(await InboxAsync("carla"));
        Assert.Equal(["1 mention id-bruno-c BRUNO · lobby: @<eva>: mira"], await InboxAsync("eva"));
        Assert.Empty(await InboxAsync("ana"));
        Assert.Empty(await InboxAsync("zoe"));
    }

    [Fact]
    public async Task A_room_and_those_who_are_here_are_mentioned_by_anyone_while_it_is_small_and_by_moderators_after_that()
    {
        _online.UnionWith(["bruno", "eva"]);
        await FollowAsync([_lobby.Said("carla", "a", "@room"), _lobby.Said("carla", "b", "¿@here?")]);
        await FollowAsync([_lobby.Joined("zoe")]);
        await FollowAsync([_lobby.Said("carla", "c", "@room"), _lobby.Said("ana", "d", "@room @eva")]);

        Assert.Equal(["mention_room id-carla-a", "mention_here id-carla-b", "mention_room id-ana-d"], await KindsAsync("bruno"));
        Assert.Equal(["mention_room id-carla-a", "mention_here id-carla-b", "mention id-ana-d"], await KindsAsync("eva"));
        Assert.Equal(["mention_room id-carla-a"], await KindsAsync("ana"));
        Assert.Equal(["mention_room id-ana-d"], await KindsAsync("carla"));
        Assert.Equal(["mention_room id-ana-d"], await KindsAsync("zoe"));
    }

    [Fact]
    public async Task Replies_threads_and_reactions_are_told_to_those_they_answer()
    {
        await FollowAsync([
            _lobby.Said("ana", "root"),
            Reply(_lobby.Said("bruno", "r1"), root: "id-ana-root", answers: "id-ana-root", of: "ana"),
            Reply(_lobby.Said("carla", "r2"), root: "id-ana-root", answers: "id-bruno-r1", of: "bruno"),
            Reply(_lobby.Said("ana", "r3"), root: "id-ana-root", answers: "id-ana-root", of: "ana"),
            Reaction(_lobby.Said("bruno", "x1"), "id-ana-root", "ana", "🎉"),
            Reaction(_lobby.Said("bruno", "x2"), "id-ana-root", "ana", "🎉", removed: true),
            Reaction(_lobby.Said("bruno", "x3"), "id-ana-root", "ana", "🎉"),
            Reaction(_lobby.Said("ana", "x4"), "id-ana-root", "ana", "🎉"),
        ]);

        Assert.Equal(["reply id-bruno-r1", "thread id-carla-r2", "reaction id-ana-root"], await KindsAsync("ana"));
        Assert.Equal(["reply id-carla-r2", "thread id-ana-r3"], await KindsAsync("bruno"));
        Assert.Equal(["thread id-ana-r3"], await KindsAsync("carla"));
    }

    [Fact]
    public async Task The_other_side_of_a_direct_room_is_told_of_each_message()
    {
        var direct = new RoomScript("dm:ana:bruno");
        var created = direct.Created();
        created.Event.Room.Kind = "direct";
        var added = direct.Joined("bruno");
        added.Event.UserId = "ana";
        await FollowAsync([created, direct.Joined("ana", "owner"), added, direct.Said("ana", "a", "hola @bruno"), direct.Said("bruno", "b", "qué tal")]);

        Assert.Equal(["1 direct id-ana-a ANA: hola @bruno"], await InboxAsync("bruno"));
        Assert.Equal(["1 direct id-bruno-b BRUNO: qué tal"], await InboxAsync("ana"));
    }

    [Fact]
    public async Task Who_is_added_by_another_is_told_and_who_comes_or_goes_alone_is_not()
    {
        var added = _lobby.Joined("zoe");
        added.Event.UserId = "ana";
        var again = _lobby.Joined("zoe", "moderator");
        again.Event.UserId = "ana";
        var removed = _lobby.Joined("eva", role: "");
        await FollowAsync([added, again, removed, _lobby.Said("ana", "a", "@eva @zoe")]);

        Assert.Equal(["invitation ", "mention id-ana-a"], await KindsAsync("zoe"));
        Assert.Empty(await InboxAsync("eva"));
        Assert.Empty(await InboxAsync("bruno"));
    }

    [Fact]
    public async Task Who_is_invited_is_told_who_is_banned_is_told_nothing_and_a_room_is_called_by_its_name()
    {
        var named = _lobby.Created();
        named.Event.RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Name = "La plaza" } };
        var invited = _lobby.Joined("zoe", role: "");
        (invited.Event.UserId, invited.Event.Member.Action, invited.Event.Member.InvitedBy) = ("ana", MemberAction.Invite, "ana");
        var banned = _lobby.Joined("eva", role: "member");
        (banned.Event.UserId, banned.Event.Member.Action, banned.Event.Member.Banned) = ("ana", MemberAction.Ban, true);
        await FollowAsync([named, invited, banned, _lobby.Said("ana", "a", "@bruno @eva @zoe")]);
        Assert.Equal(["1 mention id-ana-a ANA · La plaza: @bruno @eva @zoe"], await InboxAsync("bruno"));
        Assert.Equal("invitation", Assert.Single((await ReadAsync("zoe")).Notifications).Kind);
        Assert.Empty(await InboxAsync("eva"));

        var deleted = _lobby.Created();
        deleted.Event.RoomDeleted = new RoomDeleted();
        await FollowAsync([deleted, _lobby.Said("ana", "b", "@bruno")]);

        Assert.Empty(await InboxAsync("bruno"));
    }

    [Fact]
    public async Task Keywords_are_told_to_members_who_chose_them()
    {
        await SetAsync("bruno", new NotificationPreferences { Keywords = { "Café", "urgente" } });
        await SetAsync("zoe", new NotificationPreferences { Keywords = { "café" } });
        await FollowAsync([_lobby.Said("ana", "a", "un CAFÉ, por favor"), _lobby.Said("ana", "b", "cafés"), _lobby.Said("bruno", "c", "café")]);

        Assert.Equal(["keyword id-ana-a"], await KindsAsync("bruno"));
        Assert.Empty(await InboxAsync("zoe"));
        await SetAsync("bruno", new NotificationPreferences());
        await FollowAsync([_lobby.Said("ana", "d", "urgente")]);
        Assert.Single(await InboxAsync("bruno"));
    }

    [Fact]
    public async Task Preferences_decide_what_comes_and_how_it_sounds()
    {
        var later = _time.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds();
        await SetAsync("bruno", new NotificationPreferences { Level = "none", Rooms = { ["other"] = new RoomPreferences { Level = "all" } } });
        await SetAsync("carla", new NotificationPreferences { Kinds = { ["mention"] = new KindPreferences { Sound = "ding" } } });
        await SetAsync("eva", new NotificationPreferences { Rooms = { ["lobby"] = new RoomPreferences { MuteUntilMs = later } } });
        await FollowAsync([_lobby.Said("ana", "a", "@bruno @carla @eva")]);
        _time.Advance(TimeSpan.FromHours(2));
        await FollowAsync([_lobby.Said("ana", "b", "@bruno @carla @eva")]);

        Assert.Empty(await InboxAsync("bruno"));
        Assert.Equal(["mention id-ana-a", "mention id-ana-b"], await KindsAsync("carla"));
        Assert.Equal(["mention id-ana-b"], await KindsAsync("eva"));
        var (carla, eva) = (await ReadAsync("carla"), await ReadAsync("eva"));
        Assert.Equal(("ding", "mention"), (carla.Notifications[0].Sound, eva.Notifications[0].Sound));
        Assert.Equal("none", (await _grpc.GetPreferences(new GetPreferencesRequest { UserId = "bruno" }, Call())).Level);
        Assert.Equal(new NotificationPreferences(), await _grpc.GetPreferences(new GetPreferencesRequest { UserId = "zoe" }, Call()));
    }

    [Fact]
    public async Task What_is_decided_again_is_there_once()
    {
        RoomEntry[] entries = [_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno @carla")];
        await FollowAsync(entries);
        await FollowAsync(entries);
        await FollowAsync([Edit(_lobby.Said("ana", "e"), "id-ana-a", "@bruno @eva")]);

        Assert.Equal(["mention id-ana-a", "mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Equal(["mention id-ana-a"], await KindsAsync("eva"));
        Assert.Equal((2, 2L), ((int)(await ReadAsync("bruno")).Unread, (await ReadAsync("bruno")).LastUseq));
    }

    [Fact]
    public async Task A_store_that_went_back_is_followed_anew_with_what_it_knows_now()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno")]);
        var lobby = new RoomScript("lobby");
        await FollowAsync("another", [.. lobby.Opening(messages: 0), lobby.Joined("carla"), lobby.Said("ana", "a", "@bruno"), lobby.Said("ana", "z", "@bruno @carla")]);

        Assert.Equal(["mention id-ana-a"], await KindsAsync("bruno")); // No member any more, as far as is known.
        Assert.Equal(["mention id-ana-z"], await KindsAsync("carla"));
    }

    [Fact]
    public async Task A_message_that_concerns_nobody_is_passed_by_without_a_write_and_the_mark_behind_it_is_stored_later()
    {
        var plain = Batch(_mark, _mark.Epoch, [_lobby.Said("ana", "a", "Hola")]);
        var mention = plain with { To = plain.To with { Flush = plain.To.Flush + 1 }, Entries = [new FollowedEntry { RoomId = "lobby", Event = _lobby.Said("ana", "b", "@bruno").Event }] };

        Assert.Equal([FeedOutcome.Nothing], await _follower.HandleAsync([plain], Deadline));
        Assert.Equal(_mark, await _follower.OpenAsync(Partition, Deadline));
        Assert.Equal([FeedOutcome.Stored], await _follower.HandleAsync([mention], Deadline));

        Assert.Equal(mention.To, await _follower.OpenAsync(Partition, Deadline));
        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
    }

    [Fact]
    public async Task Of_two_followers_the_slower_one_writes_nothing()
    {
        var page = Batch(_mark, _mark.Epoch, [_lobby.Said("ana", "a", "@bruno")]);
        Assert.Equal([FeedOutcome.Stored], await _follower.HandleAsync([page], Deadline));
        Assert.Equal(
            [FeedOutcome.Lost],
            await _follower.HandleAsync([page with { Entries = [new FollowedEntry { RoomId = "lobby", Event = _lobby.Said("ana", "b", "@bruno").Event }] }], Deadline));

        Assert.Equal(["mention id-ana-a"], await KindsAsync("bruno"));
    }

    [Fact]
    public async Task A_deleted_message_takes_its_notifications_with_it()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await FollowAsync([Delete(_lobby.Said("ana", "d1"), "id-ana-a"), _lobby.Said("ana", "c", "@bruno"), Delete(_lobby.Said("ana", "d2"), "id-ana-c")]);

        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Equal(1U, (await ReadAsync("bruno")).Unread);
    }

    [Fact]
    public async Task What_is_old_when_it_is_decided_is_not_told()
    {
        _time.Advance(TimeSpan.FromDays(8));
        await FollowAsync([_lobby.Said("ana", "a", "@bruno")]);

        Assert.Empty(await InboxAsync("bruno"));
    }

    [Fact]
    public async Task Notifications_are_read_one_by_one_up_to_one_and_all()
    {
        await FollowAsync([.. Enumerable.Range(1, 6).Select(i => _lobby.Said("ana", $"m{i}", "@bruno"))]);
        var all = (await ReadAsync("bruno")).Notifications;

        var byId = await MarkAsync(new MarkReadRequest { UserId = "bruno", NotificationIds = { all[0].NotificationId, "unknown" } });
        var upTo = await MarkAsync(new MarkReadRequest { UserId = "bruno", UpToUseq = 2 });
        var again = await MarkAsync(new MarkReadRequest { UserId = "bruno", UpToUseq = 2 });
        Assert.Equal([all[0].NotificationId], byId.NotificationIds);
        Assert.Equal(5U, byId.Unread);
        Assert.Equal((2L, 3U), (upTo.UpToUseq, upTo.Unread));
        Assert.Equal(3U, again.Unread);
        Assert.Equal([3L, 4, 5], (await ReadAsync("bruno", unreadOnly: true)).Notifications.Select(one => one.Useq).Order());

        var everything = await MarkAsync(new MarkReadRequest { UserId = "bruno", All = true });
        Assert.Equal((6L, 0U), (everything.UpToUseq, everything.Unread));
        Assert.All((await ReadAsync("bruno")).Notifications, one => Assert.True(one.Read));
        Assert.Equal(0U, (await MarkAsync(new MarkReadRequest { UserId = "nobody", All = true })).Unread);
    }

    [Fact]
    public async Task Who_has_read_a_room_has_read_what_is_about_it_also_when_it_comes_later()
    {
        RoomEntry[] said = [.. Enumerable.Range(1, 4).Select(i => _lobby.Said("ana", $"m{i}", "@bruno @carla"))];
        await FollowAsync(said[..2]);
        await ReadRoomAsync("bruno", said[0].Event.Seq);
        Assert.Equal(1U, (await ReadAsync("bruno")).Unread);

        await ReadRoomAsync("bruno", said[2].Event.Seq);
        await ReadRoomAsync("bruno", said[0].Event.Seq);
        await FollowAsync(said[2..]);

        Assert.Equal(["mention id-ana-m1", "mention id-ana-m2", "mention id-ana-m4"], await KindsAsync("bruno"));
        Assert.Equal((1U, 4U), ((await ReadAsync("bruno")).Unread, (await ReadAsync("carla")).Unread));
    }

    [Fact]
    public async Task Mentions_that_are_not_read_are_counted_by_room_beside_what_was_chosen_for_it()
    {
        await FollowAsync([_lobby.Said("ana", "m1", "@bruno"), _lobby.Said("ana", "m2", "@bruno"), _lobby.Said("ana", "m3", "@room"), _lobby.Said("ana", "m4", "@carla")]);
        await ReadRoomAsync("bruno", _lobby.LastSeq - 3);
        await SetAsync("bruno", new NotificationPreferences { Rooms = { ["quiet"] = new RoomPreferences { Level = "none", MuteUntilMs = 5 } } });

        var reply = await _grpc.GetRoomNotices(new GetRoomNoticesRequest { UserId = "bruno", RoomIds = { "lobby", "quiet", "nowhere", "lobby" } }, Call());
        var none = await _grpc.GetRoomNotices(new GetRoomNoticesRequest { UserId = "zoe", RoomIds = { "lobby" } }, Call());

        Assert.Equal([new RoomNotices { RoomId = "lobby", Mentions = 2 }, new RoomNotices { RoomId = "quiet", Level = "none", MuteUntilMs = 5 }], reply.Rooms);
        Assert.Empty(none.Rooms);
        Assert.Empty((await _grpc.GetRoomNotices(new GetRoomNoticesRequest { UserId = "zoe" }, Call())).Rooms);
    }

    [Fact]
    public async Task A_server_notifies_users_once_for_each_key()
    {
        var request = new NotifyRequest { UserIds = { "bruno", "eva", "bruno" }, Key = "k1", Title = "Mañana", Body = "Cerrado", Kind = "shop.closed" };
        await SetAsync("eva", new NotificationPreferences { Kinds = { ["shop.closed"] = new KindPreferences { Off = true } } });

        Assert.Equal(1U, (await _grpc.Notify(request, Call())).Notified);
        Assert.Equal(0U, (await _grpc.Notify(request, Call())).Notified);

        Assert.Equal(["1 shop.closed  Mañana: Cerrado"], await InboxAsync("bruno"));
        Assert.Equal("notification", (await ReadAsync("bruno")).Notifications[0].Sound);
        Assert.Empty(await InboxAsync("eva"));
    }

    [Fact]
    public async Task Pages_go_back_from_the_newest_and_old_ones_are_pruned()
    {
        await FollowAsync([.. Enumerable.Range(1, 5).Select(i => _lobby.Said("ana", $"m{i}", "@bruno"))]);

        var first = await _grpc.GetInbox(new GetInboxRequest { UserId = "bruno", Limit = 2 }, Call());
        var second = await _grpc.GetInbox(new GetInboxRequest { UserId = "bruno", Limit = 3, BeforeUseq = 4 }, Call());
        var count = await _grpc.GetInbox(new GetInboxRequest { UserId = "bruno" }, Call());
        Assert.Equal([5L, 4], first.Notifications.Select(one => one.Useq));
        Assert.Equal([3L, 2, 1], second.Notifications.Select(one => one.Useq));
        Assert.Equal((true, false), (first.HasMore, second.HasMore));
        Assert.Equal((5U, 5L, 0), (count.Unread, count.LastUseq, count.Notifications.Count));

        var before = DateTimeOffset.FromUnixTimeMilliseconds(first.Notifications[1].CreatedAtMs);
        Assert.Equal(2, await _inbox.PruneAsync(before, limit: 2, Deadline));
        Assert.Equal(1, await _inbox.PruneAsync(before, limit: 2, Deadline));
        Assert.Equal([5L, 4], (await ReadAsync("bruno")).Notifications.Select(one => one.Useq));
        Assert.Equal(2U, (await ReadAsync("bruno")).Unread);
    }

    [Fact]
    public async Task Many_users_at_once_have_consecutive_positions()
    {
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () => await _grpc.Notify(
            new NotifyRequest { UserIds = { i % 2 == 0 ? ["bruno", "carla", "eva"] : (string[])["eva", "carla", "bruno"] }, Key = $"k{i}", Title = "t" }, Call()))));

        foreach (var user in (string[])["bruno", "carla", "eva"])
        {
            Assert.Equal(Enumerable.Range(1, 12).Select(useq => (long)useq), (await ReadAsync(user)).Notifications.Select(one => one.Useq).Order());
            Assert.Equal(12U, (await ReadAsync(user)).Unread);
        }
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

        Assert.Equal(
            ["1 mention id-ana-a ANA · lobby: @bruno perdón", "2 mention id-ana-b ANA · lobby: nada"], await InboxAsync("bruno"));
    }

    private RoomEntry Gone(string userId, MemberAction action, bool banned = false) =>
        _lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = userId, Action = action, Banned = banned } });

    [Theory]
    [InlineData("", 0, 0, false)]
    [InlineData("bruno", 0, 0, false)]
    [InlineData("bruno", 101, 0, false)]
    [InlineData("bruno", 1, 5, false)]
    [InlineData("bruno", 0, 5, true)]
    [InlineData("bru\0no", 1, 0, false)]
    public async Task What_makes_no_sense_is_refused(string userId, int ids, long upTo, bool all)
    {
        var request = new MarkReadRequest { UserId = userId, UpToUseq = upTo, All = all, NotificationIds = { Enumerable.Range(0, ids).Select(i => $"n{i}") } };

        var refused = await Assert.ThrowsAsync<RpcException>(() => MarkAsync(request));

        Assert.Equal(ErrorCode.BadRequest, RpcErrors.ToRefusal(refused).Code);
    }

    [Fact]
    public async Task A_round_that_died_halfway_is_done_again_and_leaves_one_of_each()
    {
        Wanted[] wanted =
        [
            new("ana", "s:1", new Notification { Kind = "server", Title = "one", CreatedAtMs = 1 }),
            new("ana", "s:2", new Notification { Kind = "server", Title = "two", CreatedAtMs = 1 }),
        ];
        await Assert.ThrowsAsync<InvalidOperationException>(() => _store.WriteAsync<bool>(
            async round =>
            {
                await _inbox.AddAsync(round, wanted);
                throw new InvalidOperationException("killed");
            },
            Deadline));

        var made = await _store.WriteAsync(round => _inbox.AddAsync(round, wanted), Deadline);
        var again = await _store.WriteAsync(round => _inbox.AddAsync(round, wanted), Deadline);

        Assert.Equal([("one", 1u), ("two", 2u)], made.Select(one => (one.Item.Title, one.Unread)));
        Assert.Empty(again);
        var inbox = await ReadAsync("ana");
        Assert.Equal((2u, made[1].Item.Useq), (inbox.Unread, inbox.LastUseq));
        Assert.Equal([made[1].Item, made[0].Item], inbox.Notifications);
    }

    [Fact]
    public async Task A_removal_that_died_halfway_is_done_again_and_told()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => _store.WriteAsync<bool>(
            async round =>
            {
                await _inbox.RemoveAsync(round, "id-ana-a");
                throw new InvalidOperationException("killed");
            },
            Deadline));

        var ended = Assert.Single(await _store.WriteAsync(round => _inbox.RemoveAsync(round, "id-ana-a"), Deadline));

        Assert.Equal(("bruno", 1u, 1), (ended.UserId, ended.What.Unread, ended.Items.Count));
        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Empty(await _store.WriteAsync(round => _inbox.RemoveAsync(round, "id-ana-a"), Deadline));
    }

    [Fact]
    public async Task Users_who_are_told_by_several_replicas_at_once_have_each_number_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => _store.WriteAsync(
            round => _inbox.AddAsync(round, [new Wanted("ana", $"s:{i}", new Notification { Kind = "server", Title = $"{i}", CreatedAtMs = 1 })]), Deadline)));

        var inbox = await ReadAsync("ana");
        Assert.Equal(10u, inbox.Unread);
        Assert.Equal(10, inbox.Notifications.Select(one => one.Useq).Distinct().Count());
        Assert.Equal(10, inbox.Notifications.Select(one => one.Title).Distinct(StringComparer.Ordinal).Count());
    }

    private static RoomEntry Reply(RoomEntry said, string root, string answers, string of)
    {
        var message = said.Event.Message;
        (message.ThreadRoot, message.ReplyTo, message.ReplyToUserId) = (root, answers, of);
        return said;
    }

    private static RoomEntry Reaction(RoomEntry entry, string messageId, string author, string emoji, bool removed = false)
    {
        entry.Event.Reaction = new ReactionChanged { MessageId = messageId, AuthorId = author, Emoji = emoji, Removed = removed };
        return entry;
    }

    private static RoomEntry Edit(RoomEntry entry, string messageId, string content)
    {
        entry.Event.Edited = new MessageEdited { MessageId = messageId, Content = content, AuthorId = entry.Event.UserId };
        return entry;
    }

    private static RoomEntry Delete(RoomEntry entry, string messageId)
    {
        entry.Event.Deleted = new MessageDeleted { MessageId = messageId };
        return entry;
    }

    private static ServerCallContext Call() => new NoCall();

    private static FeedBatch Batch(FeedMark from, string epoch, IEnumerable<RoomEntry> entries) => new(
        Partition, from, new FeedMark(epoch.Length > 0 ? epoch : "one", from.OwnerEpoch, from.Flush + 1, 0),
        [.. entries.Select(entry => new FollowedEntry { RoomId = entry.RoomId, Event = entry.Event })]);

    private async Task FollowAsync(params IEnumerable<RoomEntry>[] batches)
    {
        foreach (var entries in batches)
        {
            await FollowAsync(_mark.Epoch, entries);
        }
    }

    private async Task FollowAsync(string epoch, IEnumerable<RoomEntry> entries)
    {
        var batch = Batch(_mark, epoch, entries);
        var outcomes = await _follower.HandleAsync([batch], Deadline);
        Assert.NotEqual([FeedOutcome.Lost], outcomes);
        _mark = outcomes is [FeedOutcome.Stored] ? batch.To : _mark; // It concerns nobody: the mark waits.
    }

    private Task SetAsync(string userId, NotificationPreferences preferences) =>
        _grpc.SetPreferences(new SetPreferencesRequest { UserId = userId, Preferences = preferences }, Call());

    private Task<NotificationsRead> MarkAsync(MarkReadRequest request) => _grpc.MarkRead(request, Call());

    private Task ReadRoomAsync(string userId, long seq) =>
        _grpc.MarkRoomsRead(new MarkRoomsReadRequest { Rooms = { new RoomRead { UserId = userId, RoomId = "lobby", Seq = seq } } }, Call());

    private Task<Inbox> ReadAsync(string userId, bool unreadOnly = false) =>
        _grpc.GetInbox(new GetInboxRequest { UserId = userId, Limit = 100, UnreadOnly = unreadOnly }, Call());

    private async Task<List<string>> InboxAsync(string userId) =>
        [.. (await ReadAsync(userId)).Notifications.Reverse().Select(one => $"{one.Useq} {one.Kind} {one.MessageId} {one.Title}: {one.Body}")];

    private async Task<List<string>> KindsAsync(string userId) => [.. (await ReadAsync(userId)).Notifications.Reverse().Select(one => $"{one.Kind} {one.MessageId}")];

    /// <summary>Presence as a test wants it.</summary>
    private sealed class Located(IReadOnlySet<string> online) : CallInvoker
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            var asked = (LocateUsersRequest)(object)request;
            var reply = new LocateUsersReply { Users = { asked.UserIds.Where(online.Contains).Select(id => new UserNodes { UserId = id, NodeIds = { "n1" } }) } };
            return new((Task<TResponse>)(object)Task.FromResult(reply), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();
    }

    private sealed class NoCall : ServerCallContext
    {
        protected override string MethodCore => "";

        protected override string HostCore => "";

        protected override string PeerCore => "";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore { get; } = [];

        protected override CancellationToken CancellationTokenCore => CancellationToken.None;

        protected override Metadata ResponseTrailersCore { get; } = [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore { get; } = new(null, []);

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
    }
}
