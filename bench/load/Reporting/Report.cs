using System.Globalization;
using System.Text;
using System.Text.Json;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Scenarios;

namespace Tertulia.Load.Reporting;

/// <summary>One call of the command that added measurements.</summary>
/// <param name="Command">The exact command.</param>
/// <param name="Revision">Commit that was measured.</param>
internal sealed record Session(string Command, string Revision, DateTimeOffset StartedAt);

/// <summary>All measurements of one table, with what it takes to repeat them.</summary>
/// <param name="Sessions">Calls that measured; more than one after <c>--resume</c>.</param>
internal sealed record Report(List<Session> Sessions, Machine Machine, IReadOnlyList<Scenario> Scenarios, List<Measurement> Measurements)
{
    /// <summary>How files with results are written.</summary>
    public static JsonSerializerOptions Json { get; } = new()
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

    /// <summary>What an earlier call wrote.</summary>
    /// <returns>Null when there is nothing.</returns>
    public static Report? Read(string folder, string name) => Path.Combine(folder, name + ".json") is var path && File.Exists(path)
        ? JsonSerializer.Deserialize<Report>(File.ReadAllText(path), Json)
        : null;

    /// <summary>Whether this has been measured.</summary>
    public bool Has(Scenario scenario, string contender, int repeat) =>
        Measurements.Exists(row => row.Scenario == scenario.Name && row.Contender == contender && row.Repeat == repeat);

    /// <summary>The median of the highest rates that a ramp found; null when it was not measured.</summary>
    public double? HighestRate(string ramp, string contender) => Spread.Of(
        Measurements.Where(row => row.Scenario == ramp && row.Contender == contender).Select(row => row.Window?.OfferedRate).OfType<double>())?.Median;

    /// <summary>Medians of the repeats, as Markdown.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        Line(text, $"# Benchmark");
        Line(text, $"");
        foreach (var session in Sessions)
        {
            Line(text, $"- Command: `{session.Command}`; revision {session.Revision}, {session.StartedAt:yyyy-MM-dd HH:mm} UTC");
        }

        Line(text, $"- Machine: {Machine.Summary}");
        Line(text, $"- Load generator on the same machine: open loop, latency from the scheduled time; CPU is of all server processes, broker and store included, without the generator.");
        Line(text, $"- Medians of up to {Measurements.Select(measurement => measurement.Repeat).DefaultIfEmpty(0).Max()} interleaved repeats, with the lowest and the highest; loss, duplicates, order, closed connections and errors are sums.");
        AppendGoals(text);
        foreach (var scenario in Scenarios)
        {
            var groups = Measurements.Where(measurement => measurement.Scenario == scenario.Name).GroupBy(measurement => measurement.Contender).ToArray();
            if (groups.Length > 0)
            {
                Line(text, $"");
                AppendScenario(text, scenario, groups);
            }
        }

        return text.ToString();
    }

    private void AppendGoals(StringBuilder text)
    {
        var goals = Goal.Table(Measurements).ToArray();
        if (goals.Length == 0)
        {
            return;
        }

        Line(text, $"");
        Line(text, $"## Goals");
        Line(text, $"");
        Line(text, $"| scenario | | figure | median | ratio × rival | goal | |");
        Line(text, $"|---|---|---|--:|--:|---|---|");
        foreach (var goal in goals)
        {
            Line(text, $"{goal}");
        }
    }

    private static void AppendScenario(StringBuilder text, Scenario scenario, IGrouping<string, Measurement>[] groups)
    {
        var shape = scenario.Shape;
        var rate = scenario.Course switch
        {
            Course.Steady => Text($", {scenario.Rate:0} messages/s"),
            Course.Cold => Text($", {scenario.Rate:0} then {2 * scenario.Rate:0} messages/s from the start of the processes"),
            Course.Starved => Text($", {scenario.Rate:0} then {2 * scenario.Rate:0} messages/s from the start of the processes, beside two busy loops"),
            _ => "",
        };
        Line(text, $"## {scenario.Title}: {shape.Clients} clients in {shape.Rooms} rooms of {shape.Members}{rate}, {shape.TextBytes} bytes");
        Line(text, $"");
        switch (scenario.Course)
        {
            case Course.Idle:
                AppendIdle(text, groups);
                break;
            case Course.Check:
                AppendCheck(text, groups);
                break;
            case Course.Cold:
                Line(text, $"The first 10 seconds of traffic after the start of the processes:");
                Line(text, $"");
                AppendTraffic(text, groups, measurement => measurement.Window);
                Line(text, $"");
                Line(text, $"The same rates when everything is warm:");
                Line(text, $"");
                AppendTraffic(text, groups, measurement => measurement.Steady);
                break;
            default:
                AppendTraffic(text, groups, measurement => measurement.Window);
                break;
        }
    }

    private static void AppendTraffic(StringBuilder text, IGrouping<string, Measurement>[] groups, Func<Measurement, Window?> window)
    {
        Line(text, $"| | messages/s | deliveries/s | p50 ms | p99 ms | p99.9 ms | ack p50 / p99 ms | CPU µs/delivery | CPU µs/message | cores | lost | dup | reordered | closed | errors | generator |");
        Line(text, $"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var group in groups)
        {
            var windows = group.Select(window).OfType<Window>().ToArray();
            if (windows.Length == 0)
            {
                Line(text, $"| {Lineup.Titles[group.Key]} | none held |");
                continue;
            }

            string Of(Func<Window, double?> figure, string format) => Spread.Of(windows.Select(figure).OfType<double>())?.Text(format) ?? "–";
            double Middle(Func<Window, double?> figure) => Spread.Of(windows.Select(figure).OfType<double>())?.Median ?? 0;
            var acknowledgement = windows.All(w => w.Acknowledgement is null) ? "–" : Text($"{Middle(w => w.Acknowledgement?.P50):0.0} / {Middle(w => w.Acknowledgement?.P99):0.0}");
            Line(text,
                $"| {Lineup.Titles[group.Key]} | {Of(w => w.Messages / w.Seconds, "0")} | {Middle(w => w.DeliveriesPerSecond):0} | {Of(w => w.Latency?.P50, "0.0")} | {Of(w => w.Latency?.P99, "0.0")} | {Middle(w => w.Latency?.P999):0.0} | {acknowledgement} | {Of(w => w.CpuMicrosPerDelivery, "0.0")} | {Of(w => w.CpuMicrosPerMessage, "0")} | {Middle(w => w.CoresUsed):0.00} | {windows.Sum(w => w.Lost)} | {windows.Sum(w => w.Duplicates)} | {windows.Sum(w => w.Reordered)} | {windows.Sum(w => w.Disconnects)} | {windows.Sum(w => w.Errors)} | {Middle(w => w.GeneratorBusy):0%} |");
        }

        Line(text, $"");
        Line(text, $"CPU µs per message by process: {string.Join("; ", groups.Select(group => $"{Lineup.Titles[group.Key]}: " + ByProcess([.. group.Select(window).OfType<Window>()])))}");
    }

    private static void AppendIdle(StringBuilder text, IGrouping<string, Measurement>[] groups)
    {
        Line(text, $"| | KiB per connection at once | a minute later | by process | resident MiB | CPU while idle |");
        Line(text, $"|---|--:|--:|---|--:|--:|");
        foreach (var group in groups)
        {
            var costs = group.Select(measurement => measurement.Idle!).ToArray();
            var byProcess = string.Join(", ", costs[0].BytesPerConnection.Keys.Select(process =>
                Text($"{process} {Spread.Of(costs.Select(cost => cost.BytesPerConnection[process]))!.Median / 1024:0.0}")));
            Line(text,
                $"| {Lineup.Titles[group.Key]} | {Spread.Of(costs.Select(cost => cost.BytesPerConnectionAtOnce.Values.Sum() / 1024))!.Text("0.0")} | {Spread.Of(costs.Select(cost => cost.BytesPerConnection.Values.Sum() / 1024))!.Text("0.0")} | {byProcess} | {Spread.Of(costs.Select(cost => cost.ResidentBytes.Values.Sum() / (double)(1 << 20)))!.Median:0} | {Spread.Of(costs.Select(cost => cost.CpuShare))!.Median:0.0%} |");
        }
    }

    private static void AppendCheck(StringBuilder text, IGrouping<string, Measurement>[] groups)
    {
        Line(text, $"The tests' checker (`tests/shared/HistoryChecker.cs`) over all that was sent, acknowledged, shown and read back, at the highest rate that the ramps found (median), or at the one that was asked for.");
        Line(text, $"");
        Line(text, $"| | messages/s | deliveries/s | p99 ms | messages | acknowledged | shown | left to the history | read back | violations | |");
        Line(text, $"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|");
        foreach (var row in groups.SelectMany(group => group))
        {
            var (check, window) = (row.Check!, row.Window!);
            Line(text, $"| {Lineup.Titles[row.Contender]} | {window.Messages / window.Seconds:0} | {window.DeliveriesPerSecond:0} | {window.Latency?.P99:0.0} | {check.Messages} | {check.Acknowledged} | {check.Shown} | {check.LeftOut} | {check.Read} | {check.Violations} | {(check.Violations == 0 && window.IsOrderly ? "**passes**" : "fails: " + string.Join("; ", check.Examples.Concat(window.Complaints)))} |");
        }
    }

    private static string ByProcess(Window[] windows) => windows.Length == 0 ? "none" : string.Join(", ", windows[0].CpuSeconds.Keys.Select(process =>
        Text($"{process} {Spread.Of(windows.Select(w => w.CpuSeconds[process] * 1e6 / Math.Max(1, w.Messages)))!.Median:0}")));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(Text(line)).Append('\n');
}
