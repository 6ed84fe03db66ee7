using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Soaking;

namespace Tertulia.Load.Commands;

/// <summary><c>./dev bench soak</c>: everything that users do, for a long time; then memory must be flat, the logs clean, and nobody closed.</summary>
internal sealed class SoakCommand(BenchOptions options, string command)
{
    private const int RoomMembers = 20;
    private const int RoomsOfUser = 2;
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMinutes(1);

    // What a user may be told in passing: somebody else was faster.
    private static readonly string[] Harmless = ["message_not_found", "not_member", "rate_limited"];

    public async Task<Outcome> RunAsync(CancellationToken cancellationToken)
    {
        var attempt = new Attempt(options, cancellationToken);
        var session = await Attempt.DescribeAsync(command);
        var text = new StringBuilder($"# Soak\n\n- Command: `{session.Command}`; revision {session.Revision}\n- Machine: {Machine.Look().Summary}\n");
        var outcome = Outcome.Done;
        foreach (var name in options.Contenders)
        {
            Console.WriteLine($"soak of {name}: {options.Soak.Users} users, {options.Soak.DeedsPerSecond} deeds a second, {options.Soak.Length.TotalMinutes:0.#} minutes");
            if (!await attempt.RunAsync(name, options.Cluster, options.Settings, (contender, folder) => SoakAsync(name, contender, folder, text, cancellationToken).GetAwaiter().GetResult()))
            {
                outcome = Outcome.Failed;
            }
        }

        Directory.CreateDirectory(options.ResultsFolder);
        var path = Path.Combine(options.ResultsFolder, options.Name + ".md");
        await File.WriteAllTextAsync(path, text.ToString(), CancellationToken.None);
        Console.WriteLine($"\n{text}\nWritten to {path}");
        return outcome;
    }

    private async Task<string?> SoakAsync(string name, Contender contender, string folder, StringBuilder text, CancellationToken cancellationToken)
    {
        var tally = new SoakTally();
        var users = options.Soak.Users;
        var rooms = Math.Max(1, users * RoomsOfUser / RoomMembers);
        var clients = Enumerable.Range(0, users).Select(user => new SoakClient(
            contender.Doors, user, [.. Enumerable.Range(0, RoomsOfUser).Select(place => Room(((user * RoomsOfUser) + place) % rooms)).Distinct()], tally)).ToArray();
        var samples = contender.Processes.ToDictionary(process => process.Name, _ => new List<long>(), StringComparer.Ordinal);
        try
        {
            await Parallel.ForEachAsync(clients, new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = cancellationToken }, async (client, _) => await client.ConnectAsync());
            await ActAsync(contender, clients, samples, cancellationToken);
        }
        finally
        {
            await Parallel.ForEachAsync(clients, CancellationToken.None, async (client, _) => await client.DisposeAsync());
        }

        return Verdict(name, folder, tally, samples, text);
    }

    // Each user acts alone: deeds of one user never overlap, those of different users do.
    private async Task ActAsync(Contender contender, SoakClient[] clients, Dictionary<string, List<long>> samples, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var actors = Math.Min(clients.Length, 64);
        var pause = TimeSpan.FromSeconds(actors / (double)options.Soak.DeedsPerSecond);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var acting = Enumerable.Range(0, actors).Select(async actor =>
        {
            var random = new Random(actor);
            using var timer = new PeriodicTimer(pause);
            try
            {
                while (await timer.WaitForNextTickAsync(ending.Token))
                {
                    // Actor k moves the users k, k + actors, …
                    var user = actor + (random.Next((clients.Length - actor + actors - 1) / actors) * actors);
                    await clients[user].DoAsync(SoakDeeds.Next(random));
                }
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                return;
            }
        }).ToArray();

        using var sampling = new PeriodicTimer(SampleEvery);
        var reported = TimeSpan.Zero;
        while (clock.Elapsed < options.Soak.Length && await sampling.WaitForNextTickAsync(cancellationToken))
        {
            foreach (var (process, bytes) in contender.ResidentBytes())
            {
                samples[process].Add(bytes);
            }

            if (clock.Elapsed - reported >= ReportEvery)
            {
                reported = clock.Elapsed;
                Console.WriteLine($"  {clock.Elapsed.TotalMinutes,4:0} min: {string.Join(", ", samples.Select(process => $"{process.Key} {process.Value[^1] >> 20} MiB"))}");
            }
        }

        await ending.CancelAsync();
        await Task.WhenAll(acting);
    }

    private string? Verdict(string name, string folder, SoakTally tally, Dictionary<string, List<long>> samples, StringBuilder text)
    {
        var trends = samples.Where(process => process.Value.Count >= 4).ToDictionary(process => process.Key, process => MemoryTrend.Of(process.Value, SampleEvery), StringComparer.Ordinal);
        string[] errors = [.. Directory.EnumerateFiles(Path.Combine(folder, "logs"), "*.log").SelectMany(LogErrors)];
        var unexpected = tally.Refusals.Where(refusal => !Harmless.Contains(refusal.Key, StringComparer.Ordinal)).ToArray();
        text.Append(CultureInfo.InvariantCulture, $"\n## {Lineup.Titles[name]}: {options.Soak.Users} users, {options.Soak.Length.TotalMinutes:0.#} minutes\n\n");
        text.Append(CultureInfo.InvariantCulture, $"Done: {string.Join(", ", tally.Done.OrderByDescending(deed => deed.Value).Select(deed => $"{deed.Key} {deed.Value}"))}.\n");
        text.Append(CultureInfo.InvariantCulture, $"Frames: {string.Join(", ", tally.Frames.OrderByDescending(frame => frame.Value).Select(frame => $"{frame.Key} {frame.Value}"))}.\n");
        text.Append(CultureInfo.InvariantCulture, $"Refused: {(tally.Refusals.Count == 0 ? "nothing" : string.Join(", ", tally.Refusals.Select(refusal => $"{refusal.Key} {refusal.Value}")))}.\n");
        text.Append(CultureInfo.InvariantCulture, $"Closed or broken: {tally.Complained}. Errors in the logs: {errors.Length}.\n\n");
        text.Append("| process | MiB, mean of the second half | growth, MiB an hour | |\n|---|--:|--:|---|\n");
        foreach (var (process, trend) in trends)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {process} | {trend.MeanBytes / 1048576.0:0.0} | {trend.GrowthPerHour / 1048576.0:+0.0;-0.0;0.0} | {(trend.IsFlat ? "flat" : "**grows**")} |\n");
        }

        string[] complaints =
        [
            .. tally.Complaints, .. errors.Take(5), .. unexpected.Select(refusal => $"{refusal.Value} times {refusal.Key}"),
            .. trends.Where(trend => !trend.Value.IsFlat).Select(trend => $"the memory of {trend.Key} grows"),
        ];
        return complaints.Length == 0 ? null : string.Join("\n  ", complaints);
    }

    private static IEnumerable<string> LogErrors(string path) =>
        from line in File.ReadLines(path)
        where line.Contains(" fail: ", StringComparison.Ordinal) || line.Contains(" crit: ", StringComparison.Ordinal)
        select $"{Path.GetFileNameWithoutExtension(path)}: {line}";

    private static string Room(int number) => string.Create(CultureInfo.InvariantCulture, $"soak-room-{number}");
}
