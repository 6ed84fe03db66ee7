using Microsoft.Extensions.Time.Testing;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>Several replicas hold the same picture; each change is told by one of them.</summary>
public sealed class ReplicasTests : IAsyncLifetime
{
    private const int Rooms = 40;

    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(_bus, "node-a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Each_change_is_told_once_and_by_the_other_when_one_has_left()
    {
        await using var first = await TestPresence.StartAsync(_bus, _time);
        await using var second = await TestPresence.StartAsync(_bus, _time);
        await KnowEachOtherAsync(first, second);

        Assert.Equal(Expected("+"), await RoundAsync("c1", "ana"));

        await first.StopAsync();
        await Eventually.HoldsAsync(() => second.Lives == 1, "the second replica knows that it is alone");
        Assert.Equal(Expected("-"), await LeaveAsync("c1"));
    }

    [Fact]
    public async Task A_replica_takes_its_share_only_when_its_picture_is_complete()
    {
        await using var first = await TestPresence.StartAsync(_bus, _time);
        await _node.OpenAsync("c0", "zoe");
        _node.Announces = false;
        await using var second = await TestPresence.StartUnsettledAsync(_bus, _time);

        Assert.Equal(Expected("+"), await RoundAsync("c1", "ana"));
        Assert.Equal(1, first.Lives);

        await _node.AnnounceAsync();
        await second.SettleAsync();
        await KnowEachOtherAsync(first, second);
        Assert.Equal(Expected("-"), await LeaveAsync("c1"));
    }

    private static string[] Expected(string sign) =>
        [.. Enumerable.Range(0, Rooms).Select(room => $"room-{room} {(sign == "+" ? 2 : 1)} {sign}ana").Order(StringComparer.Ordinal)];

    private async Task<string[]> RoundAsync(string connectionId, string userId)
    {
        var rooms = Enumerable.Range(0, Rooms).Select(room => $"room-{room}").ToArray();
        await _node.OpenAsync("watcher", "watcher", rooms);
        await NextAsync();
        await _node.OpenAsync(connectionId, userId, rooms);
        return await NextAsync();
    }

    private async Task<string[]> LeaveAsync(string connectionId)
    {
        await _node.CloseAsync(connectionId);
        return await NextAsync();
    }

    // One more would show in the next round.
    private async Task<string[]> NextAsync()
    {
        var changes = new List<string>();
        while (changes.Count < Rooms)
        {
            changes.Add(await _node.NextChangeAsync());
        }

        Assert.Empty(_node.Unread());
        return [.. changes.Order(StringComparer.Ordinal)];
    }

    private async Task KnowEachOtherAsync(params TestPresence[] replicas) => await Eventually.HoldsAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return replicas.All(replica => replica.Lives == replicas.Length);
        },
        "the replicas know each other");
}
