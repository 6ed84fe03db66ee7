using System.Globalization;

namespace Tertulia.Load.Measuring;

/// <summary>CPU and memory of processes and all that they started, read from <c>/proc</c>.</summary>
internal sealed class ProcessTimes
{
    // What user space sees is fixed at 100 a second on Linux (USER_HZ, proc_pid_stat(5)).
    private const double SecondsPerTick = 0.01;
    private readonly Dictionary<int, (int Parent, long Ticks)> _processes = [];

    private ProcessTimes()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder.AsSpan()), CultureInfo.InvariantCulture, out var id) && ReadOrNull(folder + "/stat") is { } stat)
            {
                // The second field is the name, in parentheses, and may hold anything.
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                // utime, stime, and those of children that have ended and been waited for: nothing is lost when one ends in between.
                var ticks = fields[11..15].Sum(field => long.Parse(field, CultureInfo.InvariantCulture));
                _processes[id] = (int.Parse(fields[1], CultureInfo.InvariantCulture), ticks);
            }
        }
    }

    /// <summary>Reads the times of all processes.</summary>
    public static ProcessTimes Read() => new();

    /// <summary>User and system time of a process and all below it, in seconds.</summary>
    public double Seconds(int root) => Tree(root).Sum(id => _processes[id].Ticks) * SecondsPerTick;

    /// <summary>Proportional set size of a process and all below it: shared pages are counted once.</summary>
    public long ResidentBytes(int root) => Tree(root).Sum(id => ReadOrNull($"/proc/{id}/smaps_rollup") is { } text ? Pss(text) : 0);

    private static long Pss(string rollup)
    {
        var line = rollup.Split('\n').First(line => line.StartsWith("Pss:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>A process and all below it.</summary>
    public List<int> Tree(int root)
    {
        List<int> tree = _processes.ContainsKey(root) ? [root] : [];
        for (var i = 0; i < tree.Count; i++)
        {
            tree.AddRange(_processes.Where(process => process.Value.Parent == tree[i]).Select(process => process.Key));
        }

        return tree;
    }

    /// <returns>Null when the process has ended meanwhile.</returns>
    private static string? ReadOrNull(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
