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
    public async Task A_new_replica_hears_of_the_others_at_once()
    {
        await using var first = await TestPresence.StartAsync(_bus, _time);
        await using var second = await TestPresence.StartAsync(_bus, _time);

        // No time passes: until the next heartbeat of the first one both would tell every change.
        await Eventually.HoldsAsync(() => (first.Lives, second.Lives) == (2, 2), "the replicas know each other", () => $"{first.Lives} and {second.Lives}");
    }

    [Fact]
    public async Task A_replica_whose_time_to_stop_is_over_ends_without_an_exception()
    {
        await using var replica = await TestPresence.StartAsync(_bus, _time);
        await _node.OpenAsync("c0", "zoe", "lobby");
        await replica.ToldAsync();
        _bus.Confirms = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _node.OpenAsync("c1", "ana", "lobby");
        await Eventually.HoldsAsync(() => _bus.Waiting > 0, "what changed is being sent");

        await replica.Loop.StopAsync(new CancellationToken(canceled: true));

        _bus.Confirms.SetResult();
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
        string[] taken = [.. All.Where(second.Owns).Select(room => $"{room} 2 +ana +watcher all").Order(StringComparer.Ordinal)];
        Assert.InRange(taken.Length, 1, Rooms - 1);
        Assert.Equal(taken, await PassAndReadAsync(taken.Length, speaking: 2));
        Assert.Equal(Expected("-"), await LeaveAsync("c1"));
    }

    [Fact]
    public async Task What_changed_before_the_death_of_a_replica_is_noticed_is_told_by_who_takes_over()
    {
        var lost = new FaultyBus(_bus);
        await using var first = await TestPresence.StartAsync(lost, _time);
        await using var second = await TestPresence.StartAsync(_bus, _time);
        await KnowEachOtherAsync(first, second);
        await RoundAsync("c1", "ana");
        string[] kept = [.. All.Where(second.Owns).Select(room => $"{room} 1 -ana").Order(StringComparer.Ordinal)];
        string[] taken = [.. All.Where(room => !second.Owns(room)).Select(room => $"{room} 1 +watcher all").Order(StringComparer.Ordinal)];
        Assert.InRange(taken.Length, 1, Rooms - 1);
        lost.IsConnected = false;
        await _node.CloseAsync("c1");
        Assert.Equal(kept, await ReadAsync(kept.Length));

        Assert.Equal(taken, await PassAndReadAsync(taken.Length, speaking: 1));
        Assert.Equal(1, second.Lives);
    }

    private static IEnumerable<string> All => Enumerable.Range(0, Rooms).Select(room => $"room-{room}");

    private static string[] Expected(string sign) =>
        [.. All.Select(room => $"{room} {(sign == "+" ? 2 : 1)} {sign}ana").Order(StringComparer.Ordinal)];

    private async Task<string[]> RoundAsync(string connectionId, string userId)
    {
        string[] rooms = [.. All];
        await _node.OpenAsync("watcher", "watcher", rooms);
        await ReadAsync(Rooms);
        await _node.OpenAsync(connectionId, userId, rooms);
        return await ReadAsync(Rooms);
    }

    private async Task<string[]> LeaveAsync(string connectionId)
    {
        await _node.CloseAsync(connectionId);
        return await ReadAsync(Rooms);
    }

    /// <summary>Lets seconds pass until so many changes were told. Time does not run away from the heartbeats of the replicas that speak.</summary>
    private async Task<string[]> PassAndReadAsync(int count, int speaking)
    {
        const int Hearing = 2;
        for (var second = 0; second < 10 && _node.Waiting == 0; second++)
        {
            var heard = _bus.Heartbeats + (speaking * Hearing);
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => _bus.Heartbeats >= heard, "the replicas heard each other");
        }

        return await ReadAsync(count);
    }

    // One more would show in the next round.
    private async Task<string[]> ReadAsync(int count)
    {
        var changes = new List<string>();
        while (changes.Count < count)
        {
            changes.Add(await _node.NextChangeAsync());
        }

        Assert.Empty(_node.Unread());
        return [.. changes.Order(StringComparer.Ordinal)];
    }

    private async Task KnowEachOtherAsync(params TestPresence[] replicas)
    {
        while (replicas.Any(replica => replica.Lives != replicas.Length))
        {
            var heard = _bus.Heartbeats;
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => _bus.Heartbeats > heard, "a replica is heard");
        }
    }
}
