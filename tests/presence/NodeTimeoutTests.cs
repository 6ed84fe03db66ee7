using Microsoft.Extensions.Time.Testing;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>What becomes of the connections of a node that is not heard any more.</summary>
public sealed class NodeTimeoutTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestNode _a = null!;
    private TestNode _b = null!;
    private TestPresence _presence = null!;

    public async Task InitializeAsync()
    {
        (_a, _b) = (await TestNode.StartAsync(_bus, "node-a"), await TestNode.StartAsync(_bus, "node-b"));
        _presence = await TestPresence.StartAsync(_bus, _time);
        await _a.OpenAsync("a1", "ana", "lobby");
        Assert.Equal("lobby 1 +ana", await _a.NextChangeAsync());
        await _b.OpenAsync("b1", "bruno", "lobby");
        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
    }

    public async Task DisposeAsync()
    {
        await _presence.DisposeAsync();
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task Its_users_leave_after_fifteen_seconds_of_silence_and_not_before()
    {
        await PassAsync(TimeSpan.FromSeconds(14));
        Assert.Empty(_a.Unread());

        await PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());
        Assert.Equal(1u, (await _presence.StatsAsync()).TotalConnections);
    }

    [Fact]
    public async Task When_it_is_heard_again_it_is_asked_and_its_users_come_back()
    {
        await PassAsync(TimeSpan.FromSeconds(16));
        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());

        await _b.HeartbeatAsync();

        Assert.Equal("lobby 2 +bruno", await _a.NextChangeAsync());
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal("lobby 2 +ana +bruno all", await _a.NextChangeAsync());
        Assert.Equal("lobby 2 +ana +bruno all", await LastAsync(_b));
    }

    [Fact]
    public async Task A_node_that_says_that_it_goes_is_not_waited_for()
    {
        await _b.GoAsync();

        Assert.Equal("lobby 1 -bruno", await _a.NextChangeAsync());
    }

    [Fact]
    public async Task While_the_bus_is_away_nobody_is_silent()
    {
        _bus.IsConnected = false;
        for (var i = 0; i < 60; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await _presence.StatsAsync();
        }

        await _bus.RestoreAsync();
        await PassAsync(TimeSpan.FromSeconds(10));
        await _a.EnterAsync("a1", "garden");

        Assert.Equal("garden 1 +ana", await _a.NextChangeAsync());
        Assert.Equal(["ana", "bruno"], await _presence.UsersAsync("lobby"));
    }

    private static async Task<string> LastAsync(TestNode node)
    {
        string change;
        do
        {
            change = await node.NextChangeAsync();
        }
        while (!change.EndsWith("all", StringComparison.Ordinal));
        return change;
    }

    // Node a keeps speaking.
    private async Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(1))
        {
            await _a.HeartbeatAsync();
            _time.Advance(TimeSpan.FromSeconds(1));
            await _presence.StatsAsync(); // Answered after the tick: the loop takes its items in turn.
        }
    }
}
