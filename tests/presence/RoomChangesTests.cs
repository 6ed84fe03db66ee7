using Microsoft.Extensions.Time.Testing;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>What the members of a room are told of who comes and goes.</summary>
public sealed class RoomChangesTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestNode _a = null!;
    private TestNode _b = null!;
    private TestPresence _presence = null!;

    public async Task InitializeAsync()
    {
        (_a, _b) = (await TestNode.StartAsync(_bus, "node-a"), await TestNode.StartAsync(_bus, "node-b"));
        _presence = await TestPresence.StartAsync(_bus, _time, "Presence:LargeRoomUsers=5", "Presence:NodeTimeout=00:10:00");
        await _a.HeartbeatAsync();
        await _b.HeartbeatAsync();
    }

    public async Task DisposeAsync()
    {
        await _presence.DisposeAsync();
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task Who_enters_and_leaves_is_told_to_the_nodes_that_have_members_in_the_room_and_to_no_other()
    {
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 1 +ana", await _a.NextChangeAsync());

        await _b.OpenAsync("b1", "bruno", "lobby", "garden");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        Assert.Equal(["garden 1 +bruno", "lobby 2 +bruno"], new[] { await _b.NextChangeAsync(), await _b.NextChangeAsync() }.Order(StringComparer.Ordinal));

        await _b.LeaveAsync("b1", "lobby");
        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());

        await _b.CloseAsync("b1");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 1, "bruno is gone");
        await _presence.ToldAsync();
        await _a.EnterAsync("a1", "garden");
        Assert.Equal("garden 1 +ana", await _a.NextChangeAsync());
        Assert.Empty(_a.Unread());
        Assert.Empty(_b.Unread());
    }

    [Fact]
    public async Task A_user_is_in_a_room_from_the_first_device_to_the_last_on_whatever_node()
    {
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 1 +ana", await _a.NextChangeAsync());
        await _a.OpenAsync("a2", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());

        await _b.OpenAsync("b1", "bruno", "lobby");
        await _presence.KnowsAsync(stats => stats.Rooms["lobby"].Connections == 3, "the second device is there");
        await _presence.ToldAsync();
        await _a.CloseAsync("a2");
        await _presence.KnowsAsync(stats => stats.Rooms["lobby"].Connections == 2, "the first device is gone");
        await _presence.ToldAsync();
        Assert.Empty(_a.Unread());

        await _b.CloseAsync("b1");
        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task Who_came_and_went_while_the_last_flush_waited_for_the_broker_makes_no_event()
    {
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 1 +ana", await _a.NextChangeAsync());

        _bus.Confirms = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _a.OpenAsync("a2", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        await _a.OpenAsync("a3", "carla", "lobby");
        await _a.CloseAsync("a3");
        await _a.CloseAsync("a2");
        await _b.OpenAsync("b1", "bruno", "lobby");
        await _a.OpenAsync("a4", "dario", "lobby");
        await _presence.KnowsAsync(stats => stats.Rooms["lobby"].Users == 3, "dario is there");
        Assert.Empty(_a.Unread());
        _bus.Confirms.SetResult();

        Assert.Equal("lobby 3 +dario", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task A_large_room_is_told_its_count_and_at_most_once_a_second()
    {
        for (var i = 1; i <= 5; i++)
        {
            await _a.OpenAsync($"a{i}", $"user-{i}", "stadium");
            Assert.Equal($"stadium {i} +user-{i}", await _a.NextChangeAsync());
        }

        for (var i = 6; i <= 9; i++)
        {
            await _a.OpenAsync($"a{i}", $"user-{i}", "stadium");
        }

        await _presence.KnowsAsync(stats => stats.Rooms["stadium"].Users == 9, "nine are there");
        Assert.Empty(_a.Unread());

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("stadium 9 counts", await _a.NextChangeAsync());

        await _b.OpenAsync("b1", "user-10", "stadium");
        await _a.CloseAsync("a1");
        await _presence.KnowsAsync(stats => stats.Rooms["stadium"].Users == 9 && stats.TotalConnections == 9, "one came, one left");
        _time.Advance(TimeSpan.FromSeconds(1));
        await _b.CloseAsync("b1");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 8, "one left");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("stadium 8 counts", await _a.NextChangeAsync());
        Assert.Empty(_a.Unread());
    }

    [Fact]
    public async Task A_room_that_is_no_longer_large_is_told_all_of_its_users_and_then_who_comes_and_goes()
    {
        for (var i = 1; i <= 6; i++)
        {
            await _a.OpenAsync($"a{i}", $"user-{i}", "stadium");
        }

        await _presence.KnowsAsync(stats => stats.TotalConnections == 6, "six are there");
        _time.Advance(TimeSpan.FromSeconds(1));
        string last;
        do
        {
            last = await _a.NextChangeAsync();
        }
        while (!last.EndsWith("counts", StringComparison.Ordinal));
        Assert.Equal("stadium 6 counts", last);

        await _a.CloseAsync("a6");
        await _a.CloseAsync("a5");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 4, "two left");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("stadium 4 +user-1 +user-2 +user-3 +user-4 all", await _a.NextChangeAsync());

        await _a.CloseAsync("a4");
        Assert.Equal("stadium 3 -user-4", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task What_the_broker_did_not_take_is_made_good_with_the_whole_list_a_second_later()
    {
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 1 +ana", await _a.NextChangeAsync());

        _bus.RefusesSends = true;
        await _a.OpenAsync("a2", "bruno", "lobby");
        await _a.OpenAsync("a3", "carla", "lobby");
        await _a.CloseAsync("a3");
        await _presence.KnowsAsync(stats => stats.Rooms["lobby"].Connections == 2, "carla came and went");
        await _presence.ToldAsync();
        Assert.Empty(_a.Unread());
        _bus.RefusesSends = false;
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("lobby 2 +ana +bruno all", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task What_is_told_of_many_rooms_at_once_goes_to_a_node_in_batches_of_a_mebibyte()
    {
        var rooms = Enumerable.Range(0, 4_000).Select(index => $"{index:D4}{new string('r', 120)}").ToArray();
        foreach (var some in rooms.Chunk(1_000))
        {
            await _b.OpenAsync($"b{some[0]}", new string('漢', 128), some);
        }

        var told = new HashSet<string>(StringComparer.Ordinal);
        while (told.Count < rooms.Length)
        {
            told.Add(await _b.NextChangeAsync());
        }

        Assert.InRange(_bus.LargestBatch, 1, 1024 * 1024);
    }

    [Fact]
    public async Task What_the_broker_refuses_for_its_size_is_told_in_smaller_batches()
    {
        const int Taken = 200_000;
        _bus.MaxBytes = Taken;
        var rooms = Enumerable.Range(0, 2_000).Select(index => $"{index:D4}{new string('r', 120)}").ToArray();
        await _b.OpenAsync("b1", new string('漢', 128), rooms);

        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _b.Seen.Select(change => change.RoomId).Distinct().Count() == rooms.Length;
            },
            "all rooms are told", () => $"{_b.Seen.Count} were told");

        Assert.InRange(_bus.LargestBatch, 1, Taken);
    }

    [Fact]
    public async Task What_the_broker_never_takes_is_given_up_and_what_comes_later_is_told()
    {
        _bus.MaxBytes = 10;
        await _a.OpenAsync("a1", "ana", "lobby");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 1, "ana is there");
        const int UntilGivenUp = 5; // 1 MiB, and four times the half of it.
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _bus.TooLarge >= UntilGivenUp;
            },
            "the smallest batch is refused");
        await _presence.ToldAsync();

        _bus.MaxBytes = int.MaxValue;
        await _a.OpenAsync("a2", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        Assert.Equal(UntilGivenUp, _bus.TooLarge);
    }

    [Fact]
    public async Task Nodes_that_share_a_user_are_told_of_each_other_until_only_one_is_left()
    {
        await using var c = await TestNode.StartAsync(_bus, "node-c");
        await _a.OpenAsync("a1", "ana");
        await _a.OpenAsync("a2", "ana");
        await _b.OpenAsync("b1", "ana");
        Assert.Equal(["node-a", "node-b"], (await _a.UserNodes.NextAsync()).NodeIds);
        Assert.Equal(["node-a", "node-b"], (await _b.UserNodes.NextAsync()).NodeIds);

        await c.OpenAsync("c1", "ana");
        foreach (var node in new[] { _a, _b, c })
        {
            Assert.Equal(["node-a", "node-b", "node-c"], (await node.UserNodes.NextAsync()).NodeIds);
        }

        await _a.CloseAsync("a1");
        await _b.CloseAsync("b1");
        Assert.Equal(["node-a", "node-c"], (await c.UserNodes.NextAsync()).NodeIds);
        await c.CloseAsync("c1");
        Assert.Equal(["node-a", "node-c"], (await _a.UserNodes.NextAsync()).NodeIds);
        Assert.Equal(["node-a"], (await _a.UserNodes.NextAsync()).NodeIds);
        await _a.CloseAsync("a2");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 0, "nobody is there");
        await _presence.ToldAsync();
        Assert.Equal(0, _a.UserNodes.Waiting + _b.UserNodes.Waiting + c.UserNodes.Waiting);
    }
}
