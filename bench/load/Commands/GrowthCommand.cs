using Tertulia.Load.Contenders;
using Tertulia.Load.Growing;
using Tertulia.Load.Measuring;
using Tertulia.Testing;

namespace Tertulia.Load.Commands;

/// <summary><c>./dev bench growth</c> and <c>./dev bench plot</c>.</summary>
internal sealed class GrowthCommand(BenchOptions options, string command)
{
    // Every curve with the same settings, also those with short texts.
    private static readonly Dictionary<string, string> LongTexts = new() { ["Limits__ContentLength"] = "16000" };

    public async Task<Outcome> RunAsync(CancellationToken cancellationToken)
    {
        var report = (options.IsResumed ? GrowthReport.Read(options.ResultsFolder, options.Name) : null) ?? new GrowthReport([], Machine.Look(), []);
        report.Sessions.Add(await Attempt.DescribeAsync(command));
        var attempt = new Attempt(options, cancellationToken);
        var settings = new Dictionary<string, string>(LongTexts);
        foreach (var (name, value) in options.Settings)
        {
            settings[name] = value;
        }

        var outcome = Outcome.Done;
        try
        {
            foreach (var (curve, contender, points) in Plan(report))
            {
                if (attempt.IsOver)
                {
                    outcome = Outcome.Unfinished;
                    break;
                }

                Console.WriteLine($"{curve.Name} of {contender}");
                var layout = curve.Layout(points[0], options.Cluster);
                var done = await attempt.RunAsync(contender, layout, settings, (started, _) => Measure(report, curve, contender, layout, points, started, attempt, cancellationToken));
                outcome = done ? outcome : Outcome.Failed;
                report.Write(options.ResultsFolder, options.Name);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Console.Error.WriteLine("Stopped: the curves have what was measured until now.");
            outcome = Outcome.Failed;
        }

        outcome = outcome == Outcome.Done && Plan(report).Any() ? Outcome.Unfinished : outcome;
        report.Write(options.ResultsFolder, options.Name);
        Draw(options, report);
        return outcome;
    }

    /// <summary>Draws what an earlier call measured.</summary>
    public static Outcome Plot(BenchOptions options)
    {
        if (GrowthReport.Read(options.ResultsFolder, options.Name) is { } report)
        {
            report.Write(options.ResultsFolder, options.Name);
            Draw(options, report);
            return Outcome.Done;
        }

        Console.Error.WriteLine($"{Path.Combine(options.ResultsFolder, options.Name)}.json does not exist: ./dev bench growth makes it");
        return Outcome.Failed;
    }

    /// <summary>Points that go into one start of the servers.</summary>
    private IEnumerable<(Curve Curve, string Contender, CurvePoint[] Points)> Plan(GrowthReport report) =>
        from curve in options.Curves
        from contender in curve.Contenders.Intersect(options.Contenders)
        let missing = curve.Points.Where(point => curve.Fits(point, contender) && !report.Has(curve, contender, point)).ToArray()
        where missing.Length > 0
        from points in curve.IsRestarted ? missing.Chunk(1) : [missing]
        select (curve, contender, points);

    private string? Measure(
        GrowthReport report, Curve curve, string name, ClusterLayout layout, CurvePoint[] points, Contender contender, Attempt attempt, CancellationToken cancellationToken)
    {
        List<string> complaints = [];
        using var run = new GrowthRun(curve, contender, name == "cluster" ? layout.Connections : 1, options.GrowthPace, Console.WriteLine, cancellationToken);
        run.WarmUp();
        foreach (var point in points.TakeWhile(_ => !attempt.IsOver))
        {
            var measured = run.Measure(point, name);
            report.Points.Add(measured);
            report.Write(options.ResultsFolder, options.Name);
            if (measured.Window is { IsClean: false } window)
            {
                complaints.Add($"{point.X} {curve.Axis}: {string.Join("; ", window.Complaints)}");
            }
        }

        return complaints.Count == 0 ? null : "not clean: " + string.Join("; ", complaints);
    }

    private static void Draw(BenchOptions options, GrowthReport report)
    {
        Directory.CreateDirectory(options.PlotFolder);
        foreach (var curve in Curve.All)
        {
            File.WriteAllText(Path.Combine(options.PlotFolder, curve.Name + ".svg"), CurvePlot.Of(curve, report).ToSvg());
        }

        var page = File.Exists(options.CapacityPage) ? options.CapacityPage : Path.Combine(Repository.Root, "docs", "capacity.md");
        File.WriteAllText(options.CapacityPage, CapacityPage.Fill(File.ReadAllText(page), report));
        Console.WriteLine($"Results in {options.ResultsFolder}, plots in {options.PlotFolder}, fits in {options.CapacityPage}");
    }
}
