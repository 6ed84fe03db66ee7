using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Presence.Tests;

/// <summary>Rooms whose members are told counts: auditoriums, and whatever is as large.</summary>
public sealed class AuditoriumTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Room = "auditorium";

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestNode _a = null!;
    private TestNode _b = null!;
    private TestPresence _presence = null!;

    public async Task InitializeAsync()
    {
        (_a, _b) = (await TestNode.StartAsync(_bus, "node-a"), await TestNode.StartAsync(_bus, "node-b"));
        _presence = await TestPresence.StartAsync(_bus, _time, "Presence:NodeTimeout=00:10:00");
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
    public async Task The_members_of_an_auditorium_are_told_counts_however_few_they_are_until_it_is_none_any_more()
    {
        await _a.MarkAsync(Room, true);
        await _a.OpenAsync("a1", "ana", Room);
        await _b.MarkAsync(Room, true);
        await _b.OpenAsync("b1", "bruno", Room);
        await _presence.HasAsync(map => map.ConnectionCount == 2, "both are there");
        Assert.Equal("auditorium 2 counts", await LastAsync(_a));
        var asked = await _presence.RoomAsync(Room);
        Assert.Equal((2u, 0), (asked.Online, asked.Users.Count));
        await _presence.ChooseAsync("ana", "busy");
        await _presence.ToldAsync();
        Assert.DoesNotContain(_b.Unread(), change => !change.EndsWith("counts", StringComparison.Ordinal));

        await _a.MarkAsync(Room, false);
        await _b.MarkAsync(Room, false);
        await _presence.HasAsync(map => map.Auditoriums.Keys.Count == 0, "it is none any more");
        Assert.Equal("auditorium 2 +ana=busy +bruno all", await LastAsync(_a));
        await _b.CloseAsync("b1");
        Assert.Equal("auditorium 1 -bruno", await _a.NextChangeAsync());

        await _a.HeartbeatAsync();
        await _b.HeartbeatAsync();
        await _b.OpenAsync("b2", "carla", "garden");
        await _b.NextChangeAsync();
        Assert.DoesNotContain(_a.Requests.Drain().Concat(_b.Requests.Drain()), request => request.NodeIds.Count > 0); // Their digests were right.
    }

    [Fact]
    public async Task A_new_replica_knows_from_the_nodes_which_rooms_are_auditoriums()
    {
        await _a.MarkAsync(Room, true);
        await _a.OpenAsync("a1", "ana", Room);
        await _presence.HasAsync(map => map.ConnectionCount == 1, "she is there");

        await using var next = await TestPresence.StartAsync(_bus, _time);

        await next.HasAsync(map => map.Rooms[Room].IsAuditorium, "it is known");
    }

    [Fact]
    public async Task Of_five_thousand_members_on_two_nodes_of_whom_one_in_twenty_comes_or_goes_each_second_a_node_is_told_one_count_a_second()
    {
        const int Members = 5_000;
        const int Churn = Members / 20;
        const int Seconds = 8;
        var started = Stopwatch.GetTimestamp();
        var random = new Random(1);
        TestNode[] nodes = [_a, _b];
        for (var member = 0; member < Members; member += 500)
        {
            var some = Enumerable.Range(member, 500).SelectMany(index => new[] { TestNode.Opened($"c-{index}", $"user-{index}"), TestNode.Entered($"c-{index}", Room) });
            await nodes[member / 500 % 2].ReportAsync([.. some]);
        }

        await _presence.HasAsync(map => map.ConnectionCount == Members, "all are there");
        await _presence.PassSecondAsync();
        await Eventually.HoldsAsync(() => Last(_a) == $"{Room} {Members} counts" && Last(_b) == Last(_a), "both nodes know how many there are");

        for (var second = 1; second <= Seconds; second++)
        {
            var before = nodes.Select(node => node.Seen.Count).ToArray();
            for (var change = 0; change < Churn; change++)
            {
                var node = nodes[random.Next(2)];
                var (id, user) = ($"n-{second}-{change}", $"new-{second}-{change}");
                await (change % 2 == 0 ? node.OpenAsync(id, user, Room) : node.CloseAsync(node.Connections.ElementAt(random.Next(100)).ConnectionId));
            }

            var left = nodes.Sum(node => node.Connections.Count());
            await _presence.HasAsync(map => map.ConnectionCount == left, "all changes are known");
            await _presence.ToldAsync();
            Assert.Equal(before, nodes.Select(node => node.Seen.Count)); // A join costs no message.
            await _presence.PassSecondAsync();
            var expected = left == Members ? 0 : 1;
            await Eventually.HoldsAsync(() => Last(_a) == $"{Room} {left} counts" && Last(_b) == Last(_a), $"both nodes are told {left}");
            Assert.All(nodes.Zip(before), node => Assert.InRange(node.First.Seen.Count - node.Second, expected, 1));
        }

        output.WriteLine($"{Stopwatch.GetElapsedTime(started)}");

        static string Last(TestNode node) => node.Seen.LastOrDefault() is { } change ? $"{change.RoomId} {change.Online} {(change.CountsOnly ? "counts" : "")}" : "";
    }

    private async Task<string> LastAsync(TestNode node)
    {
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return node.Waiting > 0;
            },
            "something is told");
        await _presence.ToldAsync();
        return node.Unread()[^1];
    }
}
