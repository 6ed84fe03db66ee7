using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rebalancing;

/// <summary>A node that has more than its share sends those on who have been there the longest.</summary>
public sealed class RebalancerTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(
        ("Rebalance:Least", "2"), ("Rebalance:After", "00:00:00"), ("Rebalance:PercentPerSecond", "10"), ("Rebalance:Interval", "00:00:05"),
        ("Connections:Heartbeat:Interval", "01:00:00"));

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task The_oldest_clients_of_gateways_are_told_to_go_and_then_closed_with_4006()
    {
        var direct = await _node.ConnectAsync("direct"); // Past the gateways: it would come back here.
        var clients = new List<TestClient>();
        for (var i = 0; i < 7; i++)
        {
            var client = _node.NewClient(new SessionOpening(TestClient.User($"user-{i}"), null, null, "gateway-1", null));
            await client.OpenAsync();
            await client.NextAsync("connected", "the greeting");
            clients.Add(client);
        }

        // Of 8 the share is 4, and half of those that it has may go in five seconds.
        TestClient[] oldest = [.. clients.OrderBy(client => client.Session.ConnectionId, StringComparer.Ordinal).Take(4)];
        await Eventually.EqualsAsync(oldest.Length, async () =>
        {
            await _node.TellAsync(new NodeBatch { From = "another", NodeLoad = new NodeLoad() });
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            return oldest.Count(client => client.Stream.Closed.IsCompleted);
        });
        foreach (var client in oldest)
        {
            Assert.Equal("rebalance", (await client.NextAsync("reconnect", "the advice")).Text("reason"));
            Assert.Equal((4006, "rebalance"), await client.Stream.Closed);
        }

        foreach (var client in clients.Except(oldest).Append(direct))
        {
            await client.HasNothingMoreAsync();
        }
    }
}
