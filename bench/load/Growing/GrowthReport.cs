using System.Globalization;
using System.Text;
using System.Text.Json;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Reporting;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Growing;

/// <summary>CPU that idle connections took.</summary>
internal sealed record IdleWindow(double Seconds, IReadOnlyDictionary<string, double> CpuSeconds)
{
    /// <summary>Cores that the servers kept busy.</summary>
    public double CoresUsed => Math.Round(CpuSeconds.Values.Sum() / Seconds, 4);
}

/// <summary>One measured point.</summary>
/// <param name="X">On the curve's axis.</param>
/// <param name="Nodes">Connection nodes; 1 for the one process.</param>
/// <param name="Window">Of a point with traffic.</param>
/// <param name="Idle">Of connections that do nothing.</param>
/// <param name="ResidentBytes">Proportional set size at its end, by process.</param>
internal sealed record GrowthPoint(
    string Curve, string Contender, double X, CrowdShape Shape, int Nodes, Window? Window, IdleWindow? Idle, IReadOnlyDictionary<string, long> ResidentBytes)
{
    /// <summary>CPU seconds by process.</summary>
    public IReadOnlyDictionary<string, double> CpuSeconds => Window?.CpuSeconds ?? Idle!.CpuSeconds;

    /// <summary>Length of the window.</summary>
    public double Seconds => Window?.Seconds ?? Idle!.Seconds;

    /// <summary>Mebibytes of all processes.</summary>
    public double ResidentMebibytes => ResidentBytes.Values.Sum() / (double)(1 << 20);
}

/// <summary>All curves of one machine.</summary>
internal sealed record GrowthReport(List<Session> Sessions, Machine Machine, List<GrowthPoint> Points)
{
    /// <summary>What an earlier call wrote; null when there is nothing.</summary>
    public static GrowthReport? Read(string folder, string name) => Path.Combine(folder, name + ".json") is var path && File.Exists(path)
        ? JsonSerializer.Deserialize<GrowthReport>(File.ReadAllText(path), Report.Json)
        : null;

    /// <summary>Whether a point has been measured.</summary>
    public bool Has(Curve curve, string contender, CurvePoint point) =>
        Points.Exists(row => row.Curve == curve.Name && row.Contender == contender && row.X == point.X);

    /// <summary>The points of a curve, from small to large.</summary>
    public IReadOnlyList<GrowthPoint> Of(Curve curve, string contender) =>
        [.. Points.Where(row => row.Curve == curve.Name && row.Contender == contender).OrderBy(row => row.X)];

    /// <summary>Writes <c>{name}.md</c> and <c>{name}.json</c>.</summary>
    public void Write(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name + ".json"), JsonSerializer.Serialize(this, Report.Json) + "\n");
        File.WriteAllText(Path.Combine(folder, name + ".md"), Table());
    }

    /// <summary>Every point, as Markdown.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        Line(text, $"# Growth of cost");
        Line(text, $"");
        foreach (var session in Sessions)
        {
            Line(text, $"- Command: `{session.Command}`; revision {session.Revision}, {session.StartedAt:yyyy-MM-dd HH:mm} UTC");
        }

        Line(text, $"- Machine: {Machine.Summary}");
        Line(text, $"- One short window each: the shape of a curve, not a figure to compare. Plots and fits: [docs/capacity.md](../../docs/capacity.md).");
        foreach (var curve in Curve.All)
        {
            var rows = curve.Contenders.SelectMany(contender => Of(curve, contender)).ToArray();
            if (rows.Length > 0)
            {
                Line(text, $"");
                Line(text, $"## {curve.Title}");
                Line(text, $"");
                Append(text, curve, rows);
            }
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, Curve curve, GrowthPoint[] rows)
    {
        if (curve.IsIdle)
        {
            Line(text, $"| | {curve.Axis} | CPU of all | CPU per 1,000 connections | by process, CPU per 1,000 | resident MiB | by process |");
            Line(text, $"|---|--:|--:|--:|---|--:|---|");
            foreach (var row in rows)
            {
                var (idle, thousands) = (row.Idle!, row.X / 1000);
                var cpu = string.Join(", ", idle.CpuSeconds.Select(process => Text($"{process.Key} {process.Value / idle.Seconds / thousands:0.00%}")));
                var memory = string.Join(", ", row.ResidentBytes.Select(process => Text($"{process.Key} {process.Value / (double)(1 << 20):0}")));
                Line(text, $"| {Lineup.Titles[row.Contender]} | {row.X:0} | {idle.CoresUsed:0.0%} | {idle.CoresUsed / thousands:0.00%} | {cpu} | {row.ResidentMebibytes:0} | {memory} |");
            }

            return;
        }

        Line(text, $"| | {curve.Axis} | messages/s | deliveries/s | p50 ms | p99 ms | CPU µs/message | CPU µs/delivery | by process, µs/message | resident MiB | lost | dup | reordered | closed | errors | generator |");
        Line(text, $"|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var row in rows)
        {
            var window = row.Window!;
            var processes = string.Join(", ", window.CpuSeconds.Select(process => Text($"{process.Key} {process.Value * 1e6 / Math.Max(1, window.Messages):0}")));
            Line(text, $"| {Lineup.Titles[row.Contender]} | {row.X:0} | {window.Messages / window.Seconds:0} | {window.DeliveriesPerSecond:0} | {window.Latency?.P50:0.0} | {window.Latency?.P99:0.0} | {window.CpuMicrosPerMessage:0} | {window.CpuMicrosPerDelivery:0.0} | {processes} | {row.ResidentMebibytes:0} | {window.Lost} | {window.Duplicates} | {window.Reordered} | {window.Disconnects} | {window.Errors} | {window.GeneratorBusy:0%} |");
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(Text(line)).Append('\n');
}
