using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Tertulia.Load.Measuring;
using Tertulia.Testing;

namespace Tertulia.Load.Profiling;

/// <summary>Samples of where server processes spend their CPU, taken by <c>perf</c>.</summary>
/// <remarks>The runtimes name their compiled code in <c>/tmp/perf-PID.map</c> when <see cref="Environment"/> is set for them.</remarks>
internal sealed partial class Sampling : IDisposable
{
    private const int SignalInterrupt = 2;
    private const int Frequency = 499;
    private const char Separator = '|';
    private readonly IReadOnlyList<ServerProcess> _processes;
    private readonly string _data;
    private readonly Process _perf;

    /// <summary>Starts to sample.</summary>
    public Sampling(IReadOnlyList<ServerProcess> processes, string folder)
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
    /// <param name="window">What was measured meanwhile.</param>
    public Profile Stop(Window window)
    {
        if (Interrupt(_perf.Id, SignalInterrupt) != 0)
        {
            throw new InvalidOperationException($"perf could not be stopped: error {Marshal.GetLastPInvokeError()}");
        }

        _perf.StandardError.ReadToEnd();
        _perf.WaitForExit();
        var times = ProcessTimes.Read();
        var (images, alone, withCallees) = (Report("--no-children", "pid,comm,dso"), Report("--no-children", "pid,dso,symbol"), Report("--children", "pid,symbol"));
        return new Profile(window,
        [
            .. _processes.Select(process => (process.Name, Threads: ThreadsOf(times.Tree(process.Id)))).Select(process => new ProcessProfile(
                process.Name, Of(process.Threads, images, 1), Of(process.Threads, alone, 1), Of(process.Threads, withCallees, 2))),
        ]);
    }

    /// <summary>The rows of some threads, added up by all that follows the thread.</summary>
    /// <remarks>Not perf's own filter: it lets rows of equal names pass or not as a whole, whichever processes they came from.</remarks>
    /// <param name="threads">Their ids, which perf's key <c>pid</c> is.</param>
    /// <param name="rows">Shares, the thread, names.</param>
    /// <param name="shares">How many shares there are.</param>
    internal static string[][] Of(HashSet<int> threads, string[][] rows, int shares) =>
    [
        .. rows.Where(row => row.Length > shares + 1 && int.TryParse(row[shares].Split(':')[0], CultureInfo.InvariantCulture, out var id) && threads.Contains(id))
            .GroupBy(row => string.Join(Separator, row[(shares + 1)..]))
            .Select(same => (Sums: Enumerable.Range(0, shares).Select(share => same.Sum(row => Percent(row[share]))).ToArray(), Names: same.First()[(shares + 1)..]))
            .OrderByDescending(row => row.Sums[0])
            .Select(row => (string[])[.. row.Sums.Select(sum => sum.ToString("0.00", CultureInfo.InvariantCulture) + "%"), .. row.Names]),
    ];

    private static double Percent(string share) => double.Parse(share.TrimEnd('%'), CultureInfo.InvariantCulture);

    private static HashSet<int> ThreadsOf(IEnumerable<int> processes) =>
    [
        .. processes.Select(process => $"/proc/{process}/task").Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories)
            .Select(folder => int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture)),
    ];

    public void Dispose() => _perf.Dispose();

    /// <returns>Rows of shares of all samples and names, the largest first.</returns>
    private string[][] Report(string callees, string sort)
    {
        using var report = Start(
            ["report", "-i", _data, "--stdio", "-g", "none", "--percentage", "absolute", "-t", Separator.ToString(), callees, "--sort", sort]);
        _ = report.StandardError.ReadToEndAsync();
        var rows = report.StandardOutput.ReadToEnd().Split('\n').Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.Split(Separator, StringSplitOptions.TrimEntries)).Where(row => row.Length > 1).ToArray();
        report.WaitForExit();
        return rows;
    }

    private static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("perf", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
        ?? throw new InvalidOperationException("perf was not started");

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Interrupt(int processId, int signal);
}
