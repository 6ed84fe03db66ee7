using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Tertulia.Load;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Reporting;
using Tertulia.Load.Scenarios;
using Tertulia.Testing;

if (args.Contains("--help"))
{
    Console.WriteLine(BenchOptions.Usage);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (ArgumentException mistake)
{
    Console.Error.WriteLine($"{mistake.Message}\n{BenchOptions.Usage}");
    return 2;
}

using var stopping = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
{
    signal.Cancel = true;
    stopping.Cancel();
});
var report = new Report(
    string.Join(' ', ["./dev bench", .. args]), await GitAsync("describe --always --dirty"), DateTimeOffset.UtcNow, Machine.Look(), options.Scenarios, []);
var failures = 0;

// Interleaved, so that what else the machine does meanwhile falls on all contenders alike.
try
{
    for (var repeat = 1; repeat <= options.Repeats; repeat++)
    {
        foreach (var scenario in options.Scenarios)
        {
            foreach (var name in options.Contenders)
            {
                failures += await MeasureAsync(scenario, name, repeat) ? 0 : 1;
            }
        }
    }
}
catch (OperationCanceledException) when (stopping.IsCancellationRequested)
{
    Console.Error.WriteLine("Stopped: the table has what was measured until now.");
    failures++;
}

report.Write(options.ResultsFolder, options.Name);
Console.WriteLine();
Console.WriteLine(report.Table());
Console.WriteLine($"Written to {Path.Combine(options.ResultsFolder, options.Name)}.md and .json");
return failures == 0 ? 0 : 1;

async Task<bool> MeasureAsync(Scenario scenario, string name, int repeat)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{scenario.Name} against {name}, {repeat} of {options.Repeats}"));
    var folder = Path.Combine(Path.GetTempPath(), $"tertulia-load-{Guid.NewGuid():N}"[..24]);
    try
    {
        Measurement measurement;
        await using (var contender = await Lineup.All[name](new ContenderStart(folder, options.Cluster, options.Settings), stopping.Token))
        {
            var run = new ScenarioRun(scenario, contender, options.Pace, options.IsProfiled ? folder : null, Console.WriteLine, stopping.Token);
            measurement = run.Run(repeat) with { Contender = name };
            if (run.Profile is { } profile)
            {
                Directory.CreateDirectory(options.ResultsFolder);
                await File.WriteAllTextAsync(Path.Combine(options.ResultsFolder, $"{options.Name}-{scenario.Name}-{name}.profile.txt"), profile);
            }
        }

        report.Measurements.Add(measurement);
        if (measurement.Window is { IsClean: false } faulty)
        {
            Console.Error.WriteLine($"  not clean: {string.Join("; ", faulty.Complaints)}\n  logs: {folder}");
            return false;
        }

        Directory.Delete(folder, recursive: true);
        return measurement.Window is not null || measurement.Idle is not null;
    }
    catch (OperationCanceledException) when (stopping.IsCancellationRequested && Directory.Exists(folder))
    {
        Directory.Delete(folder, recursive: true);
        throw;
    }
    catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or FileNotFoundException)
    {
        Console.Error.WriteLine($"  failed: {failure.Message}\n  logs: {folder}");
        return false;
    }
}

static async Task<string> GitAsync(string arguments)
{
    using var git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root })!;
    var output = await git.StandardOutput.ReadToEndAsync();
    return output.Trim() is { Length: > 0 } revision ? revision : "unknown";
}
