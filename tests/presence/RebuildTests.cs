using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>How the picture is found again from the nodes.</summary>
public sealed class RebuildTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestNode _a = null!;
    private TestNode _b = null!;

    public async Task InitializeAsync() =>
        (_a, _b) = (await TestNode.StartAsync(_bus, "node-a", partSize: 2), await TestNode.StartAsync(_bus, "node-b"));

    public async Task DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task A_new_replica_learns_everything_from_the_nodes_and_does_not_tell_it_as_changes()
    {
        for (var i = 1; i <= 5; i++)
        {
            await _a.OpenAsync($"a{i}", $"user-{i}", "lobby");
        }

        await _b.OpenAsync("b1", "user-1", "lobby", "garden");
        await using var presence = await TestPresence.StartAsync(_bus, _time);

        Assert.Equal(["user-1", "user-2", "user-3", "user-4", "user-5"], await presence.UsersAsync("lobby"));
        var stats = await presence.StatsAsync();
        Assert.Equal(6u, stats.TotalConnections);
        Assert.Equal(new RoomStats { Connections = 6, Users = 5 }, stats.Rooms["lobby"]);
        Assert.Equal(["node-a", "node-b"], (await _a.UserNodes.NextAsync()).NodeIds);

        await _b.OpenAsync("b2", "zoe", "lobby");
        string change;
        do
        {
            change = await _a.NextChangeAsync();
        }
        while (change.EndsWith(" all", StringComparison.Ordinal)); // When the start took longer than it listens for other replicas.
        Assert.Equal("lobby 6 +zoe", change);
    }

    [Fact]
    public async Task Who_came_and_went_while_there_was_no_replica_is_told_by_the_next_one()
    {
        await using (var first = await TestPresence.StartAsync(_bus, _time, "Presence:LargeRoomUsers=3"))
        {
            await _a.OpenAsync("a1", "ana", "lobby", "stadium");
            Assert.Equal(["lobby 1 +ana", "stadium 1 +ana"], new[] { await _a.NextChangeAsync(), await _a.NextChangeAsync() }.Order(StringComparer.Ordinal));
            await _b.OpenAsync("b1", "bruno", "lobby");
            Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        }

        await _b.CloseAsync("b1");
        await _b.OpenAsync("b2", "carla", "lobby", "stadium");
        await _b.OpenAsync("b3", "dario", "stadium");
        await _b.OpenAsync("b4", "elena", "stadium");
        await using var next = await TestPresence.StartAsync(_bus, _time, "Presence:LargeRoomUsers=3");
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _a.Seen.Any(change => change.CountsOnly);
            },
            "the count of the large room is told");

        Assert.Equal(["lobby 2 +ana +carla all", "stadium 4 counts"], _a.Unread());
        await _b.LeaveAsync("b2", "lobby");
        Assert.Equal("lobby 1 -carla", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task The_picture_is_not_complete_before_every_node_that_spoke_has_announced_itself()
    {
        await _a.OpenAsync("a1", "ana", "lobby");
        _a.Announces = false;
        await using var presence = await TestPresence.StartUnsettledAsync(_bus, _time);
        await _a.Requests.NextAsync();
        await _a.HeartbeatAsync();
        await AskedAsync(_a);

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(presence.Loop.Settled);

        await _a.AnnounceAsync();
        await presence.SettleAsync();
        Assert.Equal(["ana"], await presence.UsersAsync("lobby"));
    }

    [Fact]
    public async Task A_node_that_never_answers_does_not_keep_the_picture_incomplete_for_ever()
    {
        await _a.OpenAsync("a1", "ana", "lobby");
        await _b.OpenAsync("b1", "bruno", "lobby");
        _a.Announces = false;
        await using var presence = await TestPresence.StartAsync(_bus, _time, "Presence:SettleLimit=00:00:03");

        Assert.Equal(["bruno"], await presence.UsersAsync("lobby"));
    }

    [Fact]
    public async Task A_lost_report_is_noticed_by_the_next_one_and_only_what_differs_is_told()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 1 +bruno", await _b.NextChangeAsync());
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 2 +ana", await _b.NextChangeAsync());
        await _a.OpenAsync("a2", "carla", "lobby");
        Assert.Equal("lobby 3 +carla", await _b.NextChangeAsync());
        _a.Requests.Drain();

        _bus.Loses = report => report.NodeId == "node-a" && report.BodyCase == PresenceReport.BodyOneofCase.Delta;
        await _a.CloseAsync("a1");
        await _a.OpenAsync("a3", "dario", "lobby");
        _bus.Loses = _ => false;
        await _a.EnterAsync("a3", "garden");

        Assert.Equal("lobby 3 +dario -ana", await _b.NextChangeAsync());
        Assert.Equal(["node-a"], (await _a.Requests.NextAsync()).NodeIds);
        Assert.Equal(["bruno", "carla", "dario"], await presence.UsersAsync("lobby"));
        Assert.Equal(["dario"], await presence.UsersAsync("garden"));
        Assert.Equal(0, _b.Requests.Drain().Count(request => request.NodeIds.Count > 0));
    }

    [Fact]
    public async Task A_lost_report_with_nothing_after_it_is_noticed_by_the_heartbeat()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await _b.OpenAsync("b1", "bruno", "lobby");
        await _b.NextChangeAsync();

        _bus.Loses = report => report.NodeId == "node-b";
        await _b.OpenAsync("b2", "carla", "lobby");
        _bus.Loses = _ => false;
        await _b.HeartbeatAsync();

        Assert.Equal("lobby 2 +carla", await _b.NextChangeAsync());
    }

    [Fact]
    public async Task A_picture_that_differs_at_the_same_version_is_noticed_by_its_digest()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await _b.OpenAsync("b1", "bruno", "lobby");
        await _b.NextChangeAsync();
        _b.Requests.Drain();

        await _b.HeartbeatAsync();
        await _b.HeartbeatAsync(wrongBy: 1);

        Assert.Equal(["node-b"], (await _b.Requests.NextAsync()).NodeIds);
        Assert.Equal(0, _b.Requests.Waiting);
    }

    [Fact]
    public async Task An_unanswered_request_is_put_again_after_two_seconds()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await _b.OpenAsync("b1", "bruno", "lobby");
        await _b.NextChangeAsync();
        _b.Requests.Drain();
        _b.Announces = false;

        await _b.HeartbeatAsync(wrongBy: 1);
        await _b.Requests.NextAsync();
        await _b.HeartbeatAsync(wrongBy: 1);
        await presence.StatsAsync();
        Assert.Equal(0, _b.Requests.Waiting);

        _time.Advance(TimeSpan.FromSeconds(3));
        await _b.Requests.NextAsync();
    }

    [Fact]
    public async Task What_a_node_reports_between_the_parts_of_its_snapshot_comes_after_it()
    {
        for (var i = 1; i <= 3; i++)
        {
            await _a.OpenAsync($"a{i}", $"user-{i}", "lobby");
        }

        _a.Announces = false;
        await using var presence = await TestPresence.StartUnsettledAsync(_bus, _time);
        await _a.AnnounceAsync(parts: 1);
        await _a.CloseAsync("a1");
        await _a.OpenAsync("a4", "user-4", "lobby");
        await _bus.PublishPresenceAsync(
            new PresenceReport
            {
                NodeId = "node-a",
                Version = 3,
                Snapshot = new PresenceSnapshot
                {
                    Part = 1,
                    Parts = 2,
                    Connections = { new PresentConnection { ConnectionId = "a3", UserId = "user-3", Username = "USER-3", RoomIds = { "lobby" } } },
                },
            },
            CancellationToken.None);
        await presence.SettleAsync();

        Assert.Equal(["user-2", "user-3", "user-4"], await presence.UsersAsync("lobby"));
        _a.Requests.Drain();
        await _a.HeartbeatAsync();
        await presence.StatsAsync();
        Assert.Equal(0, _a.Requests.Waiting);
    }

    [Fact]
    public async Task After_the_bus_was_away_all_nodes_are_asked_and_only_what_differs_is_told()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await _a.OpenAsync("a1", "ana", "lobby");
        await _b.OpenAsync("b1", "bruno", "lobby");
        await presence.KnowsAsync(stats => stats.TotalConnections == 2, "both are there");
        await presence.ToldAsync();
        _a.Unread();
        _bus.IsConnected = false;
        await _a.OpenAsync("a2", "carla", "lobby");
        await _b.CloseAsync("b1");

        await _bus.RestoreAsync();

        var changes = new List<string>();
        while (!Told("+carla") || !Told("-bruno")) // The nodes answer in either order.
        {
            changes.Add(await _a.NextChangeAsync());
        }

        Assert.Equal(["ana", "carla"], await presence.UsersAsync("lobby"));
        Assert.DoesNotContain(changes, change => change.Contains("ana", StringComparison.Ordinal) && !change.Contains("+ana", StringComparison.Ordinal));

        bool Told(string change) => changes.Exists(told => told.Contains(change, StringComparison.Ordinal));
    }

    // The request to all nodes came before, and has no list.
    private static async Task AskedAsync(TestNode node)
    {
        AnnounceRequest request;
        do
        {
            request = await node.Requests.NextAsync();
        }
        while (request.NodeIds.Count == 0);
    }
}
