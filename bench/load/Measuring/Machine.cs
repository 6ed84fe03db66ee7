using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Tertulia.Load.Measuring;

/// <summary>Where the figures come from.</summary>
internal sealed record Machine(int Cores, string Processor, double MemoryGiB, string Kernel, IReadOnlyDictionary<string, string> Versions)
{
    /// <summary>Looks at this machine.</summary>
    public static Machine Look() => new(
        Environment.ProcessorCount,
        Field("/proc/cpuinfo", "model name"),
        Math.Round(double.Parse(Field("/proc/meminfo", "MemTotal").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture) / (1 << 20), 1),
        $"{RuntimeInformation.OSDescription}, Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
        new Dictionary<string, string>
        {
            [".NET"] = Environment.Version.ToString(),
            ["Node"] = Shell("node --version"),
            ["Redis"] = Shell("redis-server --version | grep -o '[0-9.]*' | head -1"),
            ["PostgreSQL"] = Shell("/usr/lib/postgresql/*/bin/postgres --version | grep -o '[0-9.]*' | head -1"),
            ["RabbitMQ"] = Shell("ls /usr/lib/rabbitmq/lib | sed -n 's/rabbitmq_server-//p'"),
            ["Erlang"] = Shell("ls -d /usr/lib/erlang/erts-* | grep -o 'erts-.*'"),
        });

    /// <summary>One line for the head of a table.</summary>
    [JsonIgnore]
    public string Summary => $"{Cores} cores ({Processor}), {MemoryGiB} GiB, {Kernel}; {string.Join(", ", Versions.Select(version => $"{version.Key} {version.Value}"))}";

    /// <summary>Connections since the machine's start for which a listener's queue had no place (<c>TcpExtListenOverflows</c>).</summary>
    public static long ListenOverflows()
    {
        var rows = File.ReadLines("/proc/net/netstat").Where(line => line.StartsWith("TcpExt:", StringComparison.Ordinal)).Select(line => line.Split(' '));
        return rows.ToArray() is [var names, var values] && Array.IndexOf(names, "ListenOverflows") is var index and > 0
            ? long.Parse(values[index], System.Globalization.CultureInfo.InvariantCulture)
            : 0;
    }

    private static string Field(string path, string name) =>
        File.ReadLines(path).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";

    /// <returns>The first line that the command prints.</returns>
    private static string Shell(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        return process.StandardOutput.ReadLine()?.Trim() is { Length: > 0 } line ? line : "not installed";
    }
}
