using Tertulia.Conformance.Stores;
using Tertulia.Contracts;

namespace Tertulia.Conformance.Notifications;

/// <content>Who is told, and for which reason.</content>
public abstract partial class InboxConformance
{
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

    [Theory]
    [InlineData("@jos\u00e9")]
    [InlineData("@jose\u0301")]
    [InlineData("@JOSE\u0301")]
    [InlineData("@jose")]
    [InlineData("un CAFE\u0301")]
    [InlineData("un caf\u00e9")]
    public async Task Names_and_keywords_are_found_however_their_accents_are_written(string content)
    {
        foreach (var (userId, username) in ((string, string)[])[("u1", "Jos\u00e9"), ("u2", "Jose\u0301")])
        {
            await SetAsync(userId, new NotificationPreferences { Keywords = { userId == "u1" ? "caf\u00e9" : "Cafe\u0301" } });
            var joined = _lobby.Joined(userId);
            joined.Event.Member.Username = username;
            await FollowAsync([joined]);
        }

        await FollowAsync([_lobby.Said("ana", "a", content)]);

        Assert.Single(await InboxAsync("u1"));
        Assert.Single(await InboxAsync("u2"));
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
}
