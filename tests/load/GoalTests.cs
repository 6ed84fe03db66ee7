using Tertulia.Load.Measuring;
using Tertulia.Load.Reporting;

namespace Tertulia.Load.Tests;

public sealed class GoalTests
{
    [Fact]
    public void A_goal_compares_medians_of_one_table()
    {
        Measurement[] rows =
        [
            Steady("fanout", "socketio", 0.18), Steady("fanout", "socketio", 0.20), Steady("fanout", "socketio", 0.90),
            Steady("fanout", "cluster", 0.19), Steady("fanout", "allinone", 0.13),
        ];

        var table = Goal.Table(rows).ToArray();

        Assert.Equal(2, table.Length);
        Assert.EndsWith("| fanout | Tertulia cluster | CPU µs per delivery | 19.0 | 0.95 × 20.0 | ≤ 1.0 × socket.io 4.8 × 2 + Redis | **holds** |", table[0], StringComparison.Ordinal);
        Assert.Contains("0.65 × 20.0", table[1], StringComparison.Ordinal);
        Assert.EndsWith("| misses |", table[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_rival_nothing_is_claimed() =>
        Assert.EndsWith("| not measured |", Assert.Single(Goal.Table([Steady("fanout", "cluster", 0.1)])), StringComparison.Ordinal);

    [Fact]
    public void Memory_of_a_cluster_is_that_of_gateway_and_nodes()
    {
        var idle = new IdleCost(
            1000, new Dictionary<string, double> { ["gateway-1"] = 10 * 1024, ["connection-1"] = 8 * 1024, ["connection-2"] = 8 * 1024, ["postgres"] = 99 * 1024 },
            new Dictionary<string, long>(), 0);

        var row = Assert.Single(Goal.Table([new Measurement("idle", "cluster", 1, default, 1000, 100, 100, null, idle, null)]));

        Assert.Contains("| 26.0 | – | ≤ 30 | **holds** |", row, StringComparison.Ordinal);
    }

    // 10,000 deliveries.
    private static Measurement Steady(string scenario, string contender, double cpuSeconds) => new(
        scenario, contender, 1, default, 100, 1, 100,
        new Window(100, 10, 100, 10_000, null, null, new Dictionary<string, double> { ["server"] = cpuSeconds }, 0, 0, 0, 0, 0, [], 0, null), null, null);
}
