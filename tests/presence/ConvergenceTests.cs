using Microsoft.Extensions.Time.Testing;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>Whatever happens, and whatever is lost on the way to presence, the picture and what the members were told end up as the nodes have it.</summary>
public sealed class ConvergenceTests
{
    private const int Steps = 400;
    private static readonly string[] Rooms = ["lobby", "garden", "kitchen"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Random_changes_on_three_nodes_with_lost_reports_end_in_the_truth(int seed)
    {
        var random = new Random(seed);
        var time = new FakeTimeProvider();
        var bus = TestPresence.NewBus();
        await using var watcher = await TestNode.StartAsync(bus, "watcher");
        await using var presence = await TestPresence.StartAsync(bus, time);
        await watcher.OpenAsync("w", "watcher", Rooms);
        TestNode[] nodes = [await TestNode.StartAsync(bus, "n0", 3), await TestNode.StartAsync(bus, "n1", 3), await TestNode.StartAsync(bus, "n2", 3)];
        foreach (var node in nodes)
        {
            await node.HeartbeatAsync();
        }

        await presence.KnowsAsync(stats => stats.TotalConnections == 1, "the watcher is there");
        bus.Loses = report => report.NodeId != "watcher" && random.Next(5) == 0;
        for (var step = 0; step < Steps; step++)
        {
            await StepAsync(nodes[random.Next(nodes.Length)], random, step);
        }

        bus.Loses = _ => false;
        var expected = Rooms.ToDictionary(room => room, room => nodes.Append(watcher).SelectMany(node => node.Connections)
            .Where(connection => connection.RoomIds.Contains(room)).Select(connection => connection.UserId).Distinct().Order(StringComparer.Ordinal).ToArray());
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
                return Rooms.All(room => Told(watcher, room).SequenceEqual(expected[room]));
            },
            "the members were told the truth", () => string.Join(" | ", Rooms.Select(room => string.Join(' ', Told(watcher, room)))));

        foreach (var room in Rooms)
        {
            Assert.Equal(expected[room], await presence.UsersAsync(room));
        }

        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    private static async Task StepAsync(TestNode node, Random random, int step)
    {
        var connections = node.Connections.ToArray();
        var action = random.Next(10);
        if (action < 4 || connections.Length == 0)
        {
            await node.OpenAsync($"{node.Id}-{step}", $"user-{random.Next(12)}", Rooms[random.Next(Rooms.Length)]);
            return;
        }

        var connection = connections[random.Next(connections.Length)];
        var room = Rooms[random.Next(Rooms.Length)];
        await (action switch
        {
            < 6 => node.CloseAsync(connection.ConnectionId),
            < 9 when connection.RoomIds.Contains(room) => node.LeaveAsync(connection.ConnectionId, room),
            < 9 => node.EnterAsync(connection.ConnectionId, room),
            _ => node.HeartbeatAsync(),
        });
    }

    private static string[] Told(TestNode watcher, string room)
    {
        var users = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var change in watcher.Seen.Where(change => change.RoomId == room))
        {
            users.ExceptWith(change.Left.Select(user => user.UserId));
            users.UnionWith(change.Joined.Select(user => user.UserId));
        }

        return [.. users];
    }
}
