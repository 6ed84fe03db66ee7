using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Profiling;
using Tertulia.Load.Reporting;
using Tertulia.Load.Scenarios;
using Tertulia.Testing;

namespace Tertulia.Load.Commands;

/// <summary><c>./dev bench</c>: scenarios against contenders, in interleaved repeats.</summary>
internal sealed class TableCommand(BenchOptions options, string command)
{
    private readonly List<string> _profiles = [];

    public async Task<Outcome> RunAsync(CancellationToken cancellationToken)
    {
        var report = (options.IsResumed ? Report.Read(options.ResultsFolder, options.Name) : null) ?? new Report([], Machine.Look(), [], []);
        report = report with { Scenarios = [.. report.Scenarios, .. options.Scenarios.Where(scenario => report.Scenarios.All(known => known.Name != scenario.Name))] };
        report.Sessions.Add(await Attempt.DescribeAsync(command));
        var attempt = new Attempt(options, cancellationToken);
        var outcome = Outcome.Done;
        try
        {
            foreach (var (scenario, contender, repeat) in Plan(report))
            {
                if (attempt.IsOver)
                {
                    outcome = Outcome.Unfinished;
                    break;
                }

                Console.WriteLine($"{scenario.Name} against {contender}, {repeat} of {options.Repeats}");
                using var loops = scenario.Course == Course.Starved ? BusyLoops.Start() : null;
                if (!await attempt.RunAsync(contender, options.Cluster, options.Settings, (started, folder) => Measure(report, scenario, contender, repeat, started, folder, cancellationToken)))
                {
                    outcome = Outcome.Failed;
                }

                report.Write(options.ResultsFolder, options.Name);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Console.Error.WriteLine("Stopped: the table has what was measured until now.");
            outcome = Outcome.Failed;
        }

        report.Write(options.ResultsFolder, options.Name);
        WriteProfiles(report);
        Console.WriteLine();
        Console.WriteLine(report.Table());
        Console.WriteLine($"Written to {Path.Combine(options.ResultsFolder, options.Name)}.md and .json");
        return outcome;
    }

    /// <summary>Interleaved, so that what else the machine does meanwhile falls on all contenders alike. Checks need the ramps' rates: once, at the end.</summary>
    private IEnumerable<(Scenario Scenario, string Contender, int Repeat)> Plan(Report report) =>
        from repeat in Enumerable.Range(1, options.Repeats)
        from scenario in options.Scenarios
        where scenario.Course != Course.Check || repeat == options.Repeats
        from contender in options.Contenders
        where scenario.IsFor(contender) && !report.Has(scenario, contender, repeat)
        select (scenario, contender, repeat);

    private string? Measure(Report report, Scenario scenario, string name, int repeat, Contender contender, string folder, CancellationToken cancellationToken)
    {
        var known = report.HighestRate(scenario.Course == Course.Check ? scenario.Ramp : scenario.Name, name);
        var run = new ScenarioRun(scenario, contender, options.Pace, scenario.Rate > 0 && scenario.Course == Course.Check ? scenario.Rate : known,
            options.IsProfiled ? folder : null, Console.WriteLine, cancellationToken);
        var measurement = run.Run(repeat) with { Contender = name };
        report.Measurements.Add(measurement);
        if (run.Profile is { } profile)
        {
            _profiles.Add(profile.ToMarkdown($"{scenario.Title}: {Lineup.Titles[name]}"));
        }

        return measurement switch
        {
            { Check: { Violations: > 0 } check } => $"violations: {string.Join("; ", check.Examples)}",
            { Check: not null, Window.IsOrderly: true } => null, // Whether anything is lost is for the checker to say.
            { Window: { IsClean: false } window } => $"not clean: {string.Join("; ", window.Complaints)}",
            { Window: null, Idle: null } => "no rate held",
            _ => null,
        };
    }

    private void WriteProfiles(Report report)
    {
        if (_profiles.Count == 0)
        {
            return;
        }

        var session = report.Sessions[^1];
        var head = $"# Where the CPU goes\n\n- Command: `{session.Command}`; revision {session.Revision}\n- Machine: {report.Machine.Summary}\n- Sampled 499 times a second of CPU time by `perf`.\n\n";
        File.WriteAllText(Path.Combine(options.ResultsFolder, options.Name + ".profile.md"), head + string.Join('\n', _profiles));
    }
}
