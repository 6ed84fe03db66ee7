using System.Globalization;
using System.Text;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Profiling;
using Tertulia.Load.Storming;
using Tertulia.Testing;

namespace Tertulia.Load.Commands;

/// <summary><c>./dev bench storm</c>: all clients are on one node, which is killed; they come back to the other one.</summary>
internal sealed class StormCommand(BenchOptions options, string command)
{
    /// <summary>All clients are served again within this time.</summary>
    private static readonly TimeSpan Goal = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    public async Task<Outcome> RunAsync(CancellationToken cancellationToken)
    {
        var attempt = new Attempt(options, cancellationToken);
        var session = await Attempt.DescribeAsync(command);
        var text = new StringBuilder($"# Reconnect storm\n\n- Command: `{session.Command}`; revision {session.Revision}\n- Machine: {Machine.Look().Summary}\n");
        text.Append(CultureInfo.InvariantCulture, $"""
            - {options.StormClients} clients in rooms of ten, all on one of two nodes, which is killed (`kill -9`). Each comes back after a random part
              of its back-off (1 s, then 2, 4, …), resumes, and gives an attempt up that is not greeted within {StormCrowd.Deadline.TotalSeconds} s. Broker,
              database, the generator and all processes share the machine.

            """);
        Directory.CreateDirectory(options.ResultsFolder);
        var isDone = await attempt.RunAsync(
            "cluster", options.Cluster with { Connections = 2 }, options.Settings,
            (contender, folder) => StormAsync(contender, text, folder, cancellationToken).GetAwaiter().GetResult());
        var path = Path.Combine(options.ResultsFolder, options.Name + ".md");
        await File.WriteAllTextAsync(path, text.ToString(), CancellationToken.None);
        Console.WriteLine($"\n{text}\nWritten to {path}");
        return isDone ? Outcome.Done : Outcome.Failed;
    }

    private async Task<string?> StormAsync(Contender contender, StringBuilder text, string folder, CancellationToken cancellationToken)
    {
        var (dies, survives) = (Node(contender, 1), Node(contender, 2));
        await survives.TerminateAsync(Patience, cancellationToken);
        using var crowd = new StormCrowd(options.StormClients, contender.Ports);
        crowd.Open(Patience);
        await survives.RestartAsync(cancellationToken);
        crowd.Idle(Rest); // The gateways have noticed, and everything is calm.

        crowd.Clear();
        var others = contender.Processes.Where(process => process != dies).OrderBy(process => process.Name, StringComparer.Ordinal).ToArray();
        using var sampling = options.IsProfiled ? new Sampling(others, folder) : null;
        var (cpuBefore, memoryBefore) = (contender.CpuSeconds(), contender.ResidentBytes());
        var (generatorBefore, overflowsBefore) = (Environment.CpuUsage.TotalTime, Machine.ListenOverflows());
        await dies.KillAsync();
        crowd.Recover(options.StormClients, Patience);
        var cpu = contender.CpuSeconds();
        var (generator, overflows) = (Environment.CpuUsage.TotalTime - generatorBefore, Machine.ListenOverflows() - overflowsBefore);
        var (lost, away, attempt, most, late) = (crowd.Lost, crowd.Away.Max / 1e9, crowd.Attempt.Max / 1e9, crowd.MostAttempts, crowd.Late);
        var memory = contender.ResidentBytes();
        if (sampling is not null)
        {
            var used = others.ToDictionary(process => process.Name, process => cpu[process.Name] - cpuBefore[process.Name]);
            await WriteProfileAsync(sampling, away, used, cancellationToken);
        }

        crowd.Idle(Rest);
        var after = contender.ResidentBytes();

        text.Append(CultureInfo.InvariantCulture, $"""

            | | |
            |---|--:|
            | connections lost | {lost} |
            | served again: half of them within | {crowd.Away.Milliseconds(0.5) / 1000:0.0} s |
            | 99 % within | {crowd.Away.Milliseconds(0.99) / 1000:0.0} s |
            | **all within** | **{away:0.0} s** |
            | longest wait of an attempt for its greeting | {attempt:0.0} s |
            | attempts that were not greeted in time | {late} |
            | most attempts of one client | {most} |
            | overflows of a queue of connections (kernel) | {overflows} |

            | process | CPU, from the kill until all were served, s | MiB before | then | {Rest.TotalSeconds} s later |
            |---|--:|--:|--:|--:|

            """);
        foreach (var name in others.Select(process => process.Name))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {cpu[name] - cpuBefore[name]:0.0} | {MiB(memoryBefore[name])} | {MiB(memory[name])} | {MiB(after[name])} |\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"| generator | {generator.TotalSeconds:0.0} | | | |\n");

        string[] complaints =
        [
            .. away > Goal.TotalSeconds ? (string[])[$"the last client was served after {away:0.0} s"] : [],
            .. late > 0 ? (string[])[$"{late} attempts were not greeted within {StormCrowd.Deadline.TotalSeconds} s"] : [],
            .. crowd.Complaints.Select(said => $"{said.Value} times {said.Key}"),
        ];
        return complaints.Length == 0 ? null : string.Join("\n  ", complaints);
    }

    // The window's messages are the clients that came back.
    private async Task WriteProfileAsync(Sampling sampling, double seconds, Dictionary<string, double> cpu, CancellationToken cancellationToken)
    {
        var profile = sampling.Stop(new Window(0, seconds, options.StormClients, options.StormClients, null, null, cpu, 0, 0, 0, 0, 0, [], 0, null));
        var text = profile.ToMarkdown("Reconnect storm: a message is a client that came back");
        await File.WriteAllTextAsync(Path.Combine(options.ResultsFolder, options.Name + ".profile.md"), text, cancellationToken);
    }

    private static ServerProcess Node(Contender contender, int number) =>
        contender.Processes.Single(process => process.Name == string.Create(CultureInfo.InvariantCulture, $"connection-{number}"));

    private static string MiB(long bytes) => (bytes / 1048576.0).ToString("0", CultureInfo.InvariantCulture);
}
