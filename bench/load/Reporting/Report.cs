using System.Globalization;
using System.Text;
using System.Text.Json;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Scenarios;

namespace Tertulia.Load.Reporting;

/// <summary>All measurements of one call, with what it takes to repeat them.</summary>
/// <param name="Command">The exact command.</param>
/// <param name="Revision">Commit that was measured.</param>
internal sealed record Report(
    string Command, string Revision, DateTimeOffset StartedAt, Machine Machine, IReadOnlyList<Scenario> Scenarios, List<Measurement> Measurements)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() },
    };

    /// <summary>Writes <c>{name}.md</c> and <c>{name}.json</c>.</summary>
    public void Write(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name + ".md"), Table());
        File.WriteAllText(Path.Combine(folder, name + ".json"), JsonSerializer.Serialize(this, Json) + "\n");
    }

    /// <summary>Medians of the repeats, as Markdown.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        text.AppendLine("# Benchmark").AppendLine();
        Line(text, $"- Command: `{Command}`");
        Line(text, $"- Revision: {Revision}, {StartedAt:yyyy-MM-dd HH:mm} UTC");
        Line(text, $"- Machine: {Machine.Summary}");
        Line(text, $"- Load generator on the same machine: open loop, latency from the scheduled time; CPU is of all server processes, broker and store included, without the generator.");
        Line(text, $"- Medians of {Measurements.Select(measurement => measurement.Repeat).DefaultIfEmpty(0).Max()} repeats; loss, duplicates, order, closed connections and errors are sums.");
        foreach (var scenario in Scenarios)
        {
            var groups = Measurements.Where(measurement => measurement.Scenario == scenario.Name).GroupBy(measurement => measurement.Contender).ToArray();
            if (groups.Length > 0)
            {
                text.AppendLine();
                AppendScenario(text, scenario, groups);
            }
        }

        return text.ToString();
    }

    private static void AppendScenario(StringBuilder text, Scenario scenario, IGrouping<string, Measurement>[] groups)
    {
        var shape = scenario.Shape;
        var rate = scenario.Course == Course.Steady ? $", {scenario.Rate:0} messages/s" : "";
        Line(text, $"## {scenario.Title}: {shape.Clients} clients in {shape.Rooms} rooms of {shape.Members}{rate}, {shape.TextBytes} bytes");
        text.AppendLine();
        if (scenario.Course == Course.Idle)
        {
            AppendIdle(text, groups);
            return;
        }

        text.AppendLine("| | messages/s | deliveries/s | p50 ms | p99 ms | p99.9 ms | ack p50 / p99 ms | CPU µs/delivery | CPU µs/message | lost | dup | reordered | closed | errors | generator |");
        text.AppendLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var group in groups)
        {
            var windows = group.Select(measurement => measurement.Window).OfType<Window>().ToArray();
            if (windows.Length == 0)
            {
                Line(text, $"| {Lineup.Titles[group.Key]} | none held |");
                continue;
            }

            var acknowledged = windows.Select(window => window.Acknowledgement).OfType<Percentiles>().ToArray();
            var acknowledgement = acknowledged.Length == 0 ? "–" : string.Create(CultureInfo.InvariantCulture,
                $"{Median(acknowledged, ack => ack.P50):0.0} / {Median(acknowledged, ack => ack.P99):0.0}");
            Line(text,
                $"| {Lineup.Titles[group.Key]} | {Median(windows, w => w.Messages / w.Seconds):0} | {Median(windows, w => w.DeliveriesPerSecond):0} | {Median(windows, w => w.Latency?.P50 ?? 0):0.0} | {Median(windows, w => w.Latency?.P99 ?? 0):0.0} | {Median(windows, w => w.Latency?.P999 ?? 0):0.0} | {acknowledgement} | {Median(windows, w => w.CpuMicrosPerDelivery):0.0} | {Median(windows, w => w.CpuMicrosPerMessage):0} | {windows.Sum(w => w.Lost)} | {windows.Sum(w => w.Duplicates)} | {windows.Sum(w => w.Reordered)} | {windows.Sum(w => w.Disconnects)} | {windows.Sum(w => w.Errors)} | {Median(windows, w => w.GeneratorBusy):0%} |");
        }

        text.AppendLine();
        text.AppendLine("CPU µs per message by process: " + string.Join("; ", groups.Select(group =>
            $"{Lineup.Titles[group.Key]}: " + ByProcess(group.Select(measurement => measurement.Window).OfType<Window>().ToArray()))));
    }

    private static void AppendIdle(StringBuilder text, IGrouping<string, Measurement>[] groups)
    {
        text.AppendLine("| | KiB per connection | by process | resident MiB | CPU while idle |");
        text.AppendLine("|---|--:|---|--:|--:|");
        foreach (var group in groups)
        {
            var costs = group.Select(measurement => measurement.Idle!).ToArray();
            var byProcess = string.Join(", ", costs[0].BytesPerConnection.Keys.Select(process => string.Create(
                CultureInfo.InvariantCulture, $"{process} {Median(costs, cost => cost.BytesPerConnection[process]) / 1024:0.0}")));
            Line(text,
                $"| {Lineup.Titles[group.Key]} | {Median(costs, cost => cost.BytesPerConnection.Values.Sum()) / 1024:0.0} | {byProcess} | {Median(costs, cost => cost.ResidentBytes.Values.Sum()) / (1 << 20):0} | {Median(costs, cost => cost.CpuShare):0.0%} |");
        }
    }

    private static string ByProcess(Window[] windows) => windows.Length == 0 ? "none" : string.Join(", ", windows[0].CpuSeconds.Keys.Select(process =>
        string.Create(CultureInfo.InvariantCulture, $"{process} {Median(windows, w => w.CpuSeconds[process] * 1e6 / Math.Max(1, w.Messages)):0}")));

    private static double Median<T>(IReadOnlyCollection<T> items, Func<T, double> figure)
    {
        var sorted = items.Select(figure).Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static void Line(StringBuilder text, FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
}
