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

    /// <summary>All of them, in the order of the table.</summary>
    public static IReadOnlyList<Goal> All { get; } =
    [
        new("fanout", "cluster", PerDelivery, row => row.Window?.CpuMicrosPerDelivery, 1, "socketio"),
        new("fanout", "allinone", PerDelivery, row => row.Window?.CpuMicrosPerDelivery, 0.6, "socketio"),
        new("ramp-fanout", "cluster", Highest, Rate, 1, "socketio", IsAtLeast: true),
        new("ramp-fanout", "allinone", Highest, Rate, 1, "signalr", IsAtLeast: true),
        new("small-rooms", "cluster", PerMessage, row => row.Window?.CpuMicrosPerMessage, 1, "socketio"),
        new("small-rooms", "allinone", PerMessage, row => row.Window?.CpuMicrosPerMessage, 0.5, "socketio"),
        new("ramp-small-rooms", "cluster", Highest, Rate, 1, "socketio", IsAtLeast: true),
        new("ramp-small-rooms", "allinone", Highest, Rate, 2, "socketio", IsAtLeast: true),
        new("latency", "cluster", "p50 ms", row => row.Window?.Latency?.P50, 3),
        new("latency", "cluster", "p99 ms", row => row.Window?.Latency?.P99, 10),
        new("latency", "allinone", "p50 ms", row => row.Window?.Latency?.P50, 1.5),
        new("latency", "allinone", "p99 ms", row => row.Window?.Latency?.P99, 5),
        new("idle", "cluster", Memory + ", gateway and nodes", row => Kibibytes(row, "gateway", "connection"), 30),
        new("idle", "allinone", Memory, row => Kibibytes(row, "allinone"), 16),
    ];

    /// <summary>The table of goals, with what was measured; a goal without figures is left out.</summary>
    public static IEnumerable<string> Table(IReadOnlyCollection<Measurement> measurements)
    {
        foreach (var goal in All)
        {
            if (goal.Median(measurements, goal.Contender) is not { } own)
            {
                continue;
            }

            var rival = goal.Rival is null ? null : goal.Median(measurements, goal.Rival);
            var limit = goal.Rival is null ? goal.Bound : goal.Bound * rival;
            var sign = goal.IsAtLeast ? "≥" : "≤";
            var wanted = goal.Rival is null ? Text($"{sign} {goal.Bound:0.##}") : Text($"{sign} {goal.Bound:0.0#} × {Lineup.Titles[goal.Rival]}");
            var ratio = rival is { } other ? Text($"{own / other:0.00} × {Figure(other)}") : "–";
            var verdict = limit is not { } bound ? "not measured" : (goal.IsAtLeast ? own >= bound : own <= bound) ? "**holds**" : "misses";
            yield return Text($"| {goal.Scenario} | {Lineup.Titles[goal.Contender]} | {goal.Unit} | {Figure(own)} | {ratio} | {wanted} | {verdict} |");
        }
    }

    private static double? Rate(Measurement row) => row.Window is { } window ? window.Messages / window.Seconds : null;

    private static double? Kibibytes(Measurement row, params string[] kinds) => row.Idle is { } idle
        ? idle.BytesPerConnection.Where(process => kinds.Any(kind => process.Key.StartsWith(kind, StringComparison.Ordinal))).Sum(process => process.Value) / 1024
        : null;

    private static string Figure(double value) => value.ToString(value >= 1000 ? "0" : "0.0#", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private double? Median(IReadOnlyCollection<Measurement> measurements, string contender) => Spread.Of(
        measurements.Where(row => row.Scenario == Scenario && row.Contender == contender).Select(Of).OfType<double>())?.Median;
}
