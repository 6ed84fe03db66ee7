using System.Diagnostics;
using Tertulia.Testing;

namespace Tertulia.StoreBench;

/// <summary>How long after its acknowledgement a message is found, in the one process that does nothing else.</summary>
internal static class LagRun
{
    private const int Messages = 100;

    /// <param name="name">Of the store.</param>
    /// <param name="postgres">Its connection string; null for SQLite.</param>
    public static async Task RunAsync(string name, string? postgres)
    {
        var settings = new Dictionary<string, string> { ["Limits__EventsPerMinute"] = "0" };
        if (postgres is not null)
        {
            (settings["Store__Kind"], settings["Store__ConnectionString"]) = ("Postgres", postgres);
        }

        await using var process = await AllInOneProcess.StartAsync(settings, CancellationToken.None);
        await using var ana = await ChatClient.JoinAsync(process.Url, "lag", "ana");
        var times = new double[Messages];
        for (var i = 0; i < Messages; i++)
        {
            var word = $"w{Guid.NewGuid():N}";
            await ana.SayAsync($"hola {word}");
            var said = Stopwatch.GetTimestamp();
            while (!(await ana.AskAsync($"\"type\":\"search\",\"query\":\"{word}\"")).Items("items").Any())
            {
                await Task.Delay(5);
            }

            times[i] = Stopwatch.GetElapsedTime(said).TotalMilliseconds;
        }

        Array.Sort(times);
        Console.WriteLine($"| {name} | 1 room | from acknowledged to found, all-in-one | 1 | {times[Messages / 2]:F1} ms | {times[Messages * 99 / 100]:F1} ms |");
    }
}
