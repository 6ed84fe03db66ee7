using Microsoft.Extensions.Time.Testing;
using Tertulia.Presence.Querying;

namespace Tertulia.Presence.Tests;

/// <summary>On which nodes users are, for who has something to tell them.</summary>
public sealed class LocateTests : IAsyncLifetime
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
    public async Task Each_user_is_where_it_has_a_connection_and_who_has_none_is_left_out()
    {
        await _a.OpenAsync("a1", "ana");
        await _a.OpenAsync("a2", "ana");
        await _b.OpenAsync("b1", "ana");
        await _b.OpenAsync("b2", "bruno");
        await _b.OpenAsync("b3", "carla");
        await _b.CloseAsync("b3");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 4, "all are there, and carla is gone");

        Assert.Equal(["ana node-a,node-b", "bruno node-b"], await LocatedAsync("bruno", "ana", "carla", "nobody"));

        await _a.CloseAsync("a1");
        await _a.CloseAsync("a2");
        await _presence.KnowsAsync(stats => stats.TotalConnections == 2, "ana's devices on one node are gone");
        Assert.Equal(["ana node-b"], await LocatedAsync("ana"));
    }

    private async Task<string[]> LocatedAsync(params string[] userIds)
    {
        var reply = await _presence.Loop.AskAsync(map => PresenceGrpc.Locate(map, userIds), CancellationToken.None);
        return [.. reply.Users.Select(user => $"{user.UserId} {string.Join(',', user.NodeIds.Order())}").Order()];
    }
}
