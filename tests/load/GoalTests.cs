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
        Assert.EndsWith("| fanout | Tertulia cluster | CPU µs per delivery | 19.0 | 0.95 × 20.0 | ≤ 0.8 × socket.io 4.8 × 2 + Redis | misses |", table[0], StringComparison.Ordinal);
        Assert.Contains("0.65 × 20.0", table[1], StringComparison.Ordinal);
        Assert.EndsWith("| misses |", table[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_rival_nothing_is_claimed() =>
        Assert.EndsWith("| not measured |", Assert.Single(Goal.Table([Steady("fanout", "cluster", 0.1)])), StringComparison.Ordinal);

    [Fact]
    public void Memory_of_a_cluster_is_that_of_gateway_and_nodes()
    {
        Dictionary<string, double> BytesAtOnce(double more) => new()
        {
            ["gateway-1"] = (10 + more) * 1024, ["connection-1"] = 8 * 1024, ["connection-2"] = 8 * 1024, ["postgres"] = 99 * 1024,
        };
        var idle = new IdleCost(1000, BytesAtOnce(5), BytesAtOnce(0), new Dictionary<string, long>(), 0);

        var rows = Goal.Table([new Measurement("idle", "cluster", 1, default, 1000, 100, 100, null, idle, null)]).ToArray();

        Assert.Equal(2, rows.Length);
        Assert.Contains("at once | 31.0 | – | ≤ 30 | misses |", rows[0], StringComparison.Ordinal);
        Assert.Contains("a minute later | 26.0 | – | ≤ 20 | misses |", rows[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Cold_is_what_the_first_seconds_cost_against_the_steady_ones()
    {
        var cold = Steady("cold", "cluster", 0.8) with { Steady = Steady("cold", "cluster", 0.25).Window };

        Assert.Contains("| 3.2 | – | ≤ 3 | misses |", Assert.Single(Goal.Table([cold])), StringComparison.Ordinal);
    }

    [Fact]
    public void One_closed_connection_of_three_repeats_misses_although_the_median_is_none()
    {
        var clean = Steady("starved", "cluster", 0.1);
        var closed = clean with { Window = clean.Window! with { Disconnects = 1 } };

        Assert.Contains("| 1.0 | – | ≤ 0 | misses |", Assert.Single(Goal.Table([clean, closed, clean])), StringComparison.Ordinal);
        Assert.Contains("| 0.0 | – | ≤ 0 | **holds** |", Assert.Single(Goal.Table([clean, clean, clean])), StringComparison.Ordinal);
    }

    // 10,000 deliveries.
    private static Measurement Steady(string scenario, string contender, double cpuSeconds) => new(
        scenario, contender, 1, default, 100, 1, 100,
        new Window(100, 10, 100, 10_000, null, null, new Dictionary<string, double> { ["server"] = cpuSeconds }, 0, 0, 0, 0, 0, [], 0, null), null, null);
}
