using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Presence.Storage;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>What is stored outlives all replicas: when users were last seen, and what they have chosen.</summary>
public sealed class LastSeenTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-last-seen-").FullName;
    private TestNode _node = null!;

    private string Store => $"Store:Path={Path.Combine(_folder, "tertulia.db")}";

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(_bus, "node-a");

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_new_replica_knows_what_was_chosen_and_shows_nobody_who_is_invisible()
    {
        await using (var first = await TestPresence.StartAsync(_bus, _time, Store))
        {
            await _node.OpenAsync("a1", "ana", "lobby");
            Assert.Equal("lobby 1 +ana", await _node.NextChangeAsync());
            await first.ChooseAsync("ana", "busy", "in a call");
            await first.ChooseAsync("bruno", "invisible");
            await first.ChooseAsync("carla", "busy", until: _time.GetUtcNow().AddMinutes(1));
        }

        _time.Advance(TimeSpan.FromMinutes(2));
        await using var next = await TestPresence.StartAsync(_bus, _time, Store);
        await _node.OpenAsync("a2", "bruno", "lobby");
        await _node.OpenAsync("a3", "carla", "lobby");

        await next.HasAsync(map => map.ConnectionCount == 3, "all are there");
        Assert.Equal(["ana=busy in a call", "carla"], (await next.RoomAsync("lobby")).Users.Select(TestNode.Words).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_replica_that_was_not_told_reads_what_another_one_stored()
    {
        var deaf = new FaultyBus(_bus) { Loses = report => report.Status is not null };
        await using var first = await TestPresence.StartAsync(deaf, _time, Store);
        await using var second = await TestPresence.StartAsync(_bus, _time, Store);

        await first.ChooseAsync("ana", "busy");
        await _node.OpenAsync("a1", "ana");

        await Eventually.EqualsAsync(true, async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return await second.ShownAsync("ana") == "ana=busy";
        });
    }

    [Fact]
    public async Task What_is_chosen_before_a_new_replica_listens_it_knows_when_it_takes_part()
    {
        await using var first = await TestPresence.StartAsync(_bus, _time, Store);
        await _node.OpenAsync("a1", "ana", "lobby");
        await first.HasAsync(map => map.ConnectionCount == 1, "Ana is there");
        var late = new FaultyBus(_bus) { Listens = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        var starting = TestPresence.StartUnsettledAsync(late, _time, Store);
        _time.Advance(TimeSpan.FromSeconds(1)); // Its start does not wait longer for the bus.
        await Task.WhenAny(starting, Task.Delay(TimeSpan.FromMilliseconds(500))); // It read the statuses already: that was the fault.

        await first.ChooseAsync("ana", "invisible");
        late.Listens.SetResult();

        await using var second = await starting;
        await second.SettleAsync();
        Assert.Empty((await second.RoomAsync("lobby")).Users);
    }

    [Fact]
    public async Task Who_went_is_stored_with_the_time_at_which_it_went()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time, Store, "Presence:NodeTimeout=00:10:00");
        await _node.OpenAsync("a1", "ana", "lobby");
        await _node.OpenAsync("a2", "ana", "lobby");
        await _node.OpenAsync("b1", "bruno", "lobby");
        await presence.HasAsync(map => map.ConnectionCount == 3, "all are there");
        await _node.CloseAsync("a1");
        await presence.ChooseAsync("bruno", "invisible");
        await presence.HasAsync(map => map.ConnectionCount == 2, "a device is gone");
        var went = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromMinutes(1));
        await _node.CloseAsync("b1");
        await _node.CloseAsync("a2");
        await presence.HasAsync(map => map.ConnectionCount == 0, "all are gone");
        var asked = await presence.Loop.AskAsync(map => map.Shown("ana"), CancellationToken.None);

        Assert.Equal(_time.GetUtcNow().ToUnixTimeMilliseconds(), asked.LastSeenMs);
        await StoredAsync(presence, "ana", _time.GetUtcNow());
        await StoredAsync(presence, "bruno", went);
    }

    [Fact]
    public async Task Of_a_node_that_is_silent_it_is_the_time_at_which_it_was_heard_last()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time, Store);
        await _node.OpenAsync("a1", "ana", "lobby");
        await presence.HasAsync(map => map.ConnectionCount == 1, "she is there");
        var heard = _time.GetUtcNow();

        await Eventually.EqualsAsync(true, async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return (await presence.StatsAsync()).TotalConnections == 0;
        });

        await StoredAsync(presence, "ana", heard);
    }

    [Fact]
    public async Task What_a_replica_did_not_write_before_it_died_the_other_one_writes()
    {
        var lost = new FaultyBus(_bus);
        await using var first = await TestPresence.StartAsync(lost, _time, Store);
        await using var second = await TestPresence.StartAsync(_bus, _time, Store);
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return first.Lives == 2 && second.Lives == 2;
            },
            "they know each other");
        var userId = Enumerable.Range(0, 100).Select(index => $"user-{index}").First(first.Owns);
        Assert.False(second.Owns(userId));
        await _node.OpenAsync("a1", userId, "lobby");
        await first.HasAsync(map => map.ConnectionCount == 1, "the user is there");
        lost.IsConnected = false;
        await first.StopAsync(); // It cannot say so.

        await _node.CloseAsync("a1");
        await second.HasAsync(map => map.ConnectionCount == 0, "the user is gone");
        var went = _time.GetUtcNow();

        await Eventually.EqualsAsync(true, async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return (await second.Store.ReadSeenAsync([userId], CancellationToken.None)).SequenceEqual([new Seen(userId, went.ToUnixTimeMilliseconds())]);
        });
    }

    [Fact]
    public async Task What_waits_is_written_when_the_process_stops()
    {
        DateTimeOffset went;
        await using (var presence = await TestPresence.StartAsync(_bus, _time, Store))
        {
            await _node.OpenAsync("a1", "ana", "lobby");
            await presence.HasAsync(map => map.ConnectionCount == 1, "she is there");
            await _node.CloseAsync("a1");
            await presence.HasAsync(map => map.ConnectionCount == 0, "she is gone");
            went = _time.GetUtcNow();
        }

        await using var next = await TestPresence.StartAsync(_bus, _time, Store);
        Assert.Equal([new Seen("ana", went.ToUnixTimeMilliseconds())], await next.Store.ReadSeenAsync(["ana"], CancellationToken.None));
    }

    private async Task StoredAsync(TestPresence presence, string userId, DateTimeOffset at) => await Eventually.EqualsAsync(true, async () =>
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return (await presence.Store.ReadSeenAsync([userId], CancellationToken.None)).SequenceEqual([new Seen(userId, at.ToUnixTimeMilliseconds())]);
    });
}
