using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Load.Measuring;

/// <summary>Samples of where server processes spend their CPU, taken by <c>perf</c>.</summary>
/// <remarks>The runtimes name their compiled code in <c>/tmp/perf-PID.map</c> when <see cref="Environment"/> is set for them.</remarks>
internal sealed partial class Profile : IDisposable
{
    private const int SignalInterrupt = 2;
    private const int Frequency = 499;
    private const int Rows = 40;
    private const int MaxLine = 220;
    private readonly IReadOnlyList<ServerProcess> _processes;
    private readonly string _data;
    private readonly Process _perf;

    /// <summary>Starts to sample.</summary>
    public Profile(IReadOnlyList<ServerProcess> processes, string folder)
    {
        _processes = processes;
        _data = Path.Combine(folder, "perf.data");
        var times = ProcessTimes.Read();
        var ids = string.Join(',', processes.SelectMany(process => times.Tree(process.Id)));
        _perf = Start("record", "-e", "cpu-clock", "-F", Frequency.ToString(CultureInfo.InvariantCulture), "-g", "-p", ids, "-o", _data);
    }

    /// <summary>What the measured processes need in their environment to be readable.</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>
    {
        ["DOTNET_PerfMapEnabled"] = "3", // The map only, without the files for image loads.
        ["DOTNET_EnableWriteXorExecute"] = "0", // Else the code is mapped twice, and the map names the other place.
        ["NODE_OPTIONS"] = "--perf-basic-prof",
    };

    /// <summary>Stops, and tells for each process which functions took how much of it.</summary>
    public string Stop()
    {
        if (Interrupt(_perf.Id, SignalInterrupt) != 0)
        {
            throw new InvalidOperationException($"perf could not be stopped: error {Marshal.GetLastPInvokeError()}");
        }

        _perf.StandardError.ReadToEnd();
        _perf.WaitForExit();
        var times = ProcessTimes.Read();
        var text = new StringBuilder();
        foreach (var process in _processes)
        {
            var ids = string.Join(',', times.Tree(process.Id));
            text.AppendLine(CultureInfo.InvariantCulture, $"== {process.Name}: by thread and image").AppendLine(Report(ids, 12, "--no-children", "--sort", "comm,dso"));
            text.AppendLine(CultureInfo.InvariantCulture, $"== {process.Name}: by function, alone").AppendLine(Report(ids, Rows, "--no-children", "--sort", "dso,symbol"));
            text.AppendLine(CultureInfo.InvariantCulture, $"== {process.Name}: by function, with what it called").AppendLine(Report(ids, 2 * Rows, "--children", "--sort", "symbol"));
        }

        return text.ToString();
    }

    private string Report(string ids, int rows, params string[] options)
    {
        using var report = Start(["report", "-i", _data, "--stdio", "-g", "none", "--percentage", "relative", "--pid", ids, .. options]);
        _ = report.StandardError.ReadToEndAsync();
        var lines = report.StandardOutput.ReadToEnd().Split('\n')
            .Where(line => line.Length > 0 && line[0] != '#' && !(options[0] == "--children" && line.Contains("] 0x", StringComparison.Ordinal)))
            .Select(line => line.TrimEnd(' ', '-')[..Math.Min(line.TrimEnd(' ', '-').Length, MaxLine)]);
        report.WaitForExit();
        return string.Join('\n', lines.Take(rows)) + "\n";
    }

    public void Dispose() => _perf.Dispose();

    private static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("perf", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
        ?? throw new InvalidOperationException("perf was not started");

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Interrupt(int processId, int signal);
}
