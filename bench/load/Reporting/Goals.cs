using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;

namespace Tertulia.Load.Reporting;

/// <summary>What a contender is to reach in a scenario.</summary>
/// <param name="Unit">What is compared, with its unit.</param>
/// <param name="Of">The figure of one measurement; null when it has none.</param>
/// <param name="Bound">The limit; with a rival, a factor of the rival's median.</param>
/// <param name="Rival">Compared with whom; null for an absolute limit.</param>
/// <param name="IsAtLeast">Whether more is better.</param>
internal sealed record Goal(
    string Scenario, string Contender, string Unit, Func<Measurement, double?> Of, double Bound, string? Rival = null, bool IsAtLeast = false)
{
    private const string PerDelivery = "CPU µs per delivery";
    private const string PerMessage = "CPU µs per message";
    private const string Highest = "highest messages/s";
    private const string Memory = "KiB per connection";
    private const string Cold = "CPU per delivery, first 10 s ÷ steady";
    private const string ClosedOrLost = "closed connections and lost deliveries";

    /// <summary>All of them, in the order of the table.</summary>
    public static IReadOnlyList<Goal> All { get; } =
    [
        .. Latencies("fanout", "cluster", 8, 25),
        .. Latencies("fanout", "allinone", 2, 8),
        new("fanout", "cluster", PerDelivery, row => row.Window?.CpuMicrosPerDelivery, 0.8, "socketio"),
        new("fanout", "allinone", PerDelivery, row => row.Window?.CpuMicrosPerDelivery, 0.6, "socketio"),
        .. Latencies("small-rooms", "cluster", 8, 25),
        .. Latencies("small-rooms", "allinone", 1.5, 8),
        new("small-rooms", "cluster", PerMessage, row => row.Window?.CpuMicrosPerMessage, 1, "socketio"),
        new("small-rooms", "allinone", PerMessage, row => row.Window?.CpuMicrosPerMessage, 0.8, "socketio"),
        .. Latencies("latency", "cluster", 3, 8),
        .. Latencies("latency", "allinone", 1.5, 4),
        new("latency", "cluster", PerMessage, row => row.Window?.CpuMicrosPerMessage, 1.2, "socketio"),
        new("latency", "allinone", PerMessage, row => row.Window?.CpuMicrosPerMessage, 0.6, "socketio"),
        new("ramp-fanout", "cluster", Highest, Rate, 5, "socketio", IsAtLeast: true),
        new("ramp-fanout", "allinone", Highest, Rate, 1, "signalr", IsAtLeast: true),
        new("ramp-small-rooms", "cluster", Highest, Rate, 1.7, "socketio", IsAtLeast: true),
        new("ramp-small-rooms", "allinone", Highest, Rate, 1.3, "socketio", IsAtLeast: true),
        new("idle", "cluster", Memory + ", gateway and nodes, at once", row => Kibibytes(row.Idle?.BytesPerConnectionAtOnce, "gateway", "connection"), 30),
        new("idle", "cluster", Memory + ", gateway and nodes, a minute later", row => Kibibytes(row.Idle?.BytesPerConnection, "gateway", "connection"), 20),
        new("idle", "allinone", Memory + ", at once", row => Kibibytes(row.Idle?.BytesPerConnectionAtOnce, "allinone"), 20),
        new("idle", "allinone", Memory + ", a minute later", row => Kibibytes(row.Idle?.BytesPerConnection, "allinone"), 12),
        new("cold", "cluster", Cold, ColdRatio, 3),
        new("cold", "cluster", "p99 ms", row => row.Window?.Latency?.P99, 100),
        new("cold", "allinone", Cold, ColdRatio, 2),
        new("cold", "allinone", "p99 ms", row => row.Window?.Latency?.P99, 50),
        new("starved", "cluster", "p99 ms", row => row.Window?.Latency?.P99, 1000),
        new("starved", "cluster", ClosedOrLost, row => row.Window?.Disconnects + row.Window?.Lost, 0) { IsWorst = true },
        new("starved", "allinone", "p99 ms", row => row.Window?.Latency?.P99, 500),
        new("starved", "allinone", ClosedOrLost, row => row.Window?.Disconnects + row.Window?.Lost, 0) { IsWorst = true },
    ];

    /// <summary>Whether the worst repeat counts instead of the median: what must never happen has no median.</summary>
    public bool IsWorst { get; init; }

    /// <summary>The table of goals, with what was measured; a goal without figures is left out.</summary>
    public static IEnumerable<string> Table(IReadOnlyCollection<Measurement> measurements)
    {
        foreach (var goal in All)
        {
            if (goal.Figure(measurements, goal.Contender) is not { } own)
            {
                continue;
            }

            var rival = goal.Rival is null ? null : goal.Figure(measurements, goal.Rival);
            var limit = goal.Rival is null ? goal.Bound : goal.Bound * rival;
            var sign = goal.IsAtLeast ? "≥" : "≤";
            var wanted = goal.Rival is null ? Text($"{sign} {goal.Bound:0.##}") : Text($"{sign} {goal.Bound:0.0#} × {Lineup.Titles[goal.Rival]}");
            var ratio = rival is { } other ? Text($"{own / other:0.00} × {Figure(other)}") : "–";
            var verdict = limit is not { } bound ? "not measured" : (goal.IsAtLeast ? own >= bound : own <= bound) ? "**holds**" : "misses";
            yield return Text($"| {goal.Scenario} | {Lineup.Titles[goal.Contender]} | {goal.Unit} | {Figure(own)} | {ratio} | {wanted} | {verdict} |");
        }
    }

    private static double? Rate(Measurement row) => row.Window is { } window ? window.Messages / window.Seconds : null;

    private static Goal[] Latencies(string scenario, string contender, double p50, double p99) =>
    [
        new(scenario, contender, "p50 ms", row => row.Window?.Latency?.P50, p50),
        new(scenario, contender, "p99 ms", row => row.Window?.Latency?.P99, p99),
    ];

    private static double? ColdRatio(Measurement row) => row.Window?.CpuMicrosPerDelivery / row.Steady?.CpuMicrosPerDelivery;

    private static double? Kibibytes(IReadOnlyDictionary<string, double>? bytes, params string[] kinds) => bytes is not null
        ? bytes.Where(process => kinds.Any(kind => process.Key.StartsWith(kind, StringComparison.Ordinal))).Sum(process => process.Value) / 1024
        : null;

    private static string Figure(double value) => value.ToString(value >= 1000 ? "0" : "0.0#", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private double? Figure(IReadOnlyCollection<Measurement> measurements, string contender)
    {
        var spread = Spread.Of(measurements.Where(row => row.Scenario == Scenario && row.Contender == contender).Select(Of).OfType<double>());
        return !IsWorst ? spread?.Median : IsAtLeast ? spread?.Lowest : spread?.Highest;
    }
}
