using Microsoft.Extensions.Time.Testing;
using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>How users are shown: what they have chosen, for all of their devices, and what their devices say.</summary>
public sealed class StatusTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestNode _a = null!;
    private TestNode _b = null!;
    private TestPresence _presence = null!;

    public async Task InitializeAsync()
    {
        (_a, _b) = (await TestNode.StartAsync(_bus, "node-a"), await TestNode.StartAsync(_bus, "node-b"));
        _presence = await TestPresence.StartAsync(_bus, _time, "Presence:LargeRoomUsers=3", "Presence:NodeTimeout=00:10:00");
        await _a.HeartbeatAsync();
        await _b.HeartbeatAsync();
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 1 +ana", await _a.NextChangeAsync());
    }

    public async Task DisposeAsync()
    {
        await _presence.DisposeAsync();
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task What_a_user_has_chosen_is_told_to_its_rooms_and_to_its_devices_and_shown_to_who_comes()
    {
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());

        var chosen = await _presence.ChooseAsync("bruno", "busy", "in a call", "📞");

        Assert.Equal("lobby 2 ~bruno=busy 📞 in a call", await _a.NextChangeAsync());
        Assert.Equal(chosen, await _b.Chosen.NextAsync());
        Assert.Equal(["ana", "bruno=busy 📞 in a call"], (await _presence.RoomAsync("lobby")).Users.Select(TestNode.Words).Order(StringComparer.Ordinal));
        Assert.Equal(0, _a.Chosen.Waiting);

        await _a.OpenAsync("a2", "bruno");
        Assert.Equal(chosen, await _a.Chosen.NextAsync());
        await _b.EnterAsync("b1", "garden");
        Assert.Equal("garden 1 +bruno=busy 📞 in a call", await NextAsync(_b, "garden"));
    }

    [Fact]
    public async Task A_node_is_told_of_who_comes_and_comes_back_that_nothing_was_chosen()
    {
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal(new ChosenStatus { UserId = "bruno", Status = "online" }, await _b.Unchosen.NextAsync());
        Assert.Equal(new ChosenStatus { UserId = "bruno", Status = "online" }, (await _presence.RoomAsync("lobby", "bruno")).Chosen);
        await _b.CloseAsync("b1"); // Goes for good, and comes back before anybody is told.
        await _b.OpenAsync("b2", "bruno", "lobby");
        Assert.Equal("bruno", (await _b.Unchosen.NextAsync()).UserId);

        var chosen = await _presence.ChooseAsync("bruno", "invisible");
        Assert.Equal(chosen, (await _presence.RoomAsync("lobby", "bruno")).Chosen);
        Assert.Null((await _presence.RoomAsync("lobby")).Chosen);
    }

    [Fact]
    public async Task The_last_choice_counts_whatever_comes_late()
    {
        var first = await _presence.ChooseAsync("ana", "busy");
        Assert.Equal("lobby 1 ~ana=busy", await _a.NextChangeAsync());
        var second = await _presence.ChooseAsync("ana", "away");
        Assert.Equal("lobby 1 ~ana=away", await _a.NextChangeAsync());
        Assert.True(second.Stamp > first.Stamp);

        await _bus.PublishPresenceAsync(new PresenceReport { Status = first }, CancellationToken.None);
        await _presence.ChooseAsync("zoe", "busy");

        Assert.Equal("ana=away", await _presence.ShownAsync("ana"));
        await _presence.ToldAsync();
        Assert.Empty(_a.Unread());
    }

    [Fact]
    public async Task It_outlives_all_devices_of_the_user_and_ends_when_it_should()
    {
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        await _presence.ChooseAsync("bruno", "busy", "until six", until: _time.GetUtcNow().AddMinutes(3));
        Assert.Equal("lobby 2 ~bruno=busy until six", await _a.NextChangeAsync());

        await _b.CloseAsync("b1");
        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());
        await _b.OpenAsync("b2", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno=busy until six", await _a.NextChangeAsync());

        _time.Advance(TimeSpan.FromMinutes(2));
        await _presence.StatsAsync();
        Assert.Equal("bruno=busy until six", await _presence.ShownAsync("bruno"));
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal("lobby 2 ~bruno", await _a.NextChangeAsync());
        ChosenStatus last;
        do
        {
            last = await _b.Chosen.NextAsync();
        }
        while (last.Status != "online");
        Assert.Equal(("online", "", 0L), (last.Status, last.Text, last.UntilMs));

    }

    [Fact]
    public async Task Who_is_invisible_is_offline_to_all_others_in_lists_and_counts_too()
    {
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        await _a.WatchAsync("bruno");
        await _presence.HasAsync(map => map.Watchers.Keys.Count == 1, "bruno is watched");

        await _presence.ChooseAsync("bruno", "invisible");
        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());
        Assert.Equal("bruno=offline", TestNode.Words(await _a.Watched.NextAsync()));
        Assert.Equal("invisible", (await _b.Chosen.NextAsync()).Status);
        var room = await _presence.RoomAsync("lobby");
        Assert.Equal((1u, "ana"), (room.Online, room.Users.Single().UserId));
        Assert.Equal(1u, (await _presence.StatsAsync()).Rooms["lobby"].Users);
        Assert.Equal("bruno=offline", await _presence.ShownAsync("bruno"));
        Assert.Equal("", await _presence.Loop.AskAsync(map => map.Shown("bruno").Username, CancellationToken.None)); // As of who is not there.

        await _b.OpenAsync("b2", "bruno", "lobby", "garden");
        await _b.LeaveAsync("b1", "lobby");
        await _b.CloseAsync("b1");
        await _b.SetAwayAsync("b2", true);
        await _b.OpenAsync("b3", "carla", "lobby");
        Assert.Equal("lobby 2 +carla", await _a.NextChangeAsync());
        await _b.CloseAsync("b2"); // Goes for good, and comes back.
        await _b.OpenAsync("b4", "bruno", "lobby");
        await _b.SetAwayAsync("b4", true);
        Assert.Equal("invisible", (await _b.Chosen.NextAsync()).Status);
        await _presence.ToldAsync();
        Assert.Empty(_a.Unread());
        Assert.Equal((2u, 3u), (await _presence.StatsAsync()).Rooms["lobby"] is var lobby ? (lobby.Users, lobby.Connections) : default);

        await _presence.ChooseAsync("bruno", "online");
        Assert.Equal("lobby 3 +bruno=away", await _a.NextChangeAsync());
        Assert.Equal("bruno=away", TestNode.Words(await _a.Watched.NextAsync()));
    }

    [Fact]
    public async Task Who_is_invisible_does_not_make_a_room_large()
    {
        await _presence.ChooseAsync("bruno", "invisible");
        await _b.OpenAsync("b1", "bruno", "lobby");
        await _b.OpenAsync("b2", "carla", "lobby");
        Assert.Equal("lobby 2 +carla", await _a.NextChangeAsync());
        await _b.OpenAsync("b3", "dario", "lobby");
        Assert.Equal("lobby 3 +dario", await _a.NextChangeAsync());

        await _b.OpenAsync("b4", "eva", "lobby");
        await _presence.KnowsAsync(stats => stats.Rooms["lobby"].Users == 4, "eva is there");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("lobby 4 counts", await _a.NextChangeAsync());

        await _presence.ChooseAsync("eva", "invisible");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("lobby 3 +ana +carla +dario all", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task A_user_is_away_when_all_of_its_devices_are()
    {
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        await _a.OpenAsync("a2", "bruno");

        await _b.SetAwayAsync("b1", true);
        await _presence.HasAsync(map => map.Users["bruno"].AwayDevices == 1, "one device is away");
        await _presence.ToldAsync();
        await _a.SetAwayAsync("a2", true);
        Assert.Equal("lobby 2 ~bruno=away", await _a.NextChangeAsync());

        await _a.OpenAsync("a3", "bruno");
        Assert.Equal("lobby 2 ~bruno", await _a.NextChangeAsync());
        await _a.CloseAsync("a3");
        Assert.Equal("lobby 2 ~bruno=away", await _a.NextChangeAsync());
        await _b.SetAwayAsync("b1", false);
        Assert.Equal("lobby 2 ~bruno", await _a.NextChangeAsync());

        await _a.HeartbeatAsync();
        await _b.HeartbeatAsync();
        await _b.EnterAsync("b1", "garden");
        await NextAsync(_b, "garden");
        Assert.DoesNotContain(_a.Requests.Drain().Concat(_b.Requests.Drain()), request => request.NodeIds.Count > 0); // Their digests were right.
    }

    [Fact]
    public async Task What_cannot_be_a_status_is_refused()
    {
        await RefusedAsync(ErrorCode.BadRequest, "ana", "offline");
        await RefusedAsync(ErrorCode.BadRequest, "", "online");
        await RefusedAsync(ErrorCode.BadRequest, "ana", "busy", text: new string('x', 141));
        await RefusedAsync(ErrorCode.BadRequest, "ana", "busy", emoji: new string('x', 33));
        await RefusedAsync(ErrorCode.BadRequest, "ana", "busy", text: "\0");
    }

    [Fact]
    public async Task Statuses_take_no_more_memory_than_they_may()
    {
        await using var small = await TestPresence.StartAsync(_bus, _time, "Presence:StatusBytes=65536");
        var users = 0;
        try
        {
            for (; users < 1_000; users++)
            {
                await small.ChooseAsync($"user-{users}", "busy", new string('x', 140));
            }
        }
        catch (RpcException refused)
        {
            Assert.Equal(ErrorCode.Overloaded, RpcErrors.ToRefusal(refused).Code);
        }

        Assert.InRange(users, 50, 200);
        Assert.Equal("away", (await small.ChooseAsync("user-0", "away")).Status);
        await small.ChooseAsync("user-1", "online");
        Assert.Equal("busy", (await small.ChooseAsync("new", "busy")).Status);
    }

    [Fact]
    public async Task Who_watches_a_user_is_told_what_changes_until_it_does_not_any_more()
    {
        await _b.WatchAsync("ana", "zoe");
        await _presence.HasAsync(map => map.Watchers.Keys.Count == 2, "two are watched");

        await _presence.ChooseAsync("ana", "busy");
        Assert.Equal("ana=busy", TestNode.Words(await _b.Watched.NextAsync()));
        await _a.CloseAsync("a1");
        Assert.Equal("ana=offline", TestNode.Words(await _b.Watched.NextAsync()));
        await _a.OpenAsync("a2", "ana");
        Assert.Equal("ana=busy", TestNode.Words(await _b.Watched.NextAsync()));

        await _b.UnwatchAsync("ana");
        await _presence.HasAsync(map => map.Watchers.Keys.Count == 1, "one is watched");
        await _presence.ChooseAsync("ana", "away");
        await _a.OpenAsync("a3", "zoe");
        Assert.Equal("zoe", TestNode.Words(await _b.Watched.NextAsync()));
        Assert.Equal(0, _b.Watched.Waiting + _a.Watched.Waiting);
        await _b.HeartbeatAsync();
        await _b.OpenAsync("b1", "bruno", "garden");
        await NextAsync(_b, "garden");
        Assert.DoesNotContain(_b.Requests.Drain(), request => request.NodeIds.Count > 0); // Its digest was right.
    }

    [Fact]
    public async Task A_new_replica_tells_of_all_who_are_watched()
    {
        await _b.WatchAsync("ana", "zoe");
        await _presence.HasAsync(map => map.Watchers.Keys.Count == 2, "two are watched");
        await _presence.StopAsync();
        await _a.CloseAsync("a1");
        Assert.Equal(0, _b.Watched.Waiting);

        await using var next = await TestPresence.StartAsync(_bus, _time);
        var told = new SortedSet<string>(StringComparer.Ordinal);
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                told.UnionWith(_b.Watched.Drain().Select(TestNode.Words));
                return told.Count == 2;
            },
            "both are told");

        Assert.Equal(["ana=offline", "zoe=offline"], told);
    }

    [Fact]
    public async Task A_room_whose_members_were_shown_too_little_is_told_whole()
    {
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());

        await _b.ReviewAsync("lobby");
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _a.Waiting > 0;
            },
            "something is told");

        Assert.Equal("lobby 2 +ana +bruno all", await _a.NextChangeAsync());
    }

    private async Task RefusedAsync(ErrorCode code, string userId, string status, string text = "", string emoji = "")
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => _presence.ChooseAsync(userId, status, text, emoji));
        Assert.Equal(code, RpcErrors.ToRefusal(refused).Code);
    }

    private static async Task<string> NextAsync(TestNode node, string roomId)
    {
        while (true)
        {
            var change = await node.NextChangeAsync();
            if (change.StartsWith(roomId, StringComparison.Ordinal))
            {
                return change;
            }
        }
    }
}
