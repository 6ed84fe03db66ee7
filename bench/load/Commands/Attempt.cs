using System.Diagnostics;
using Tertulia.Load.Contenders;
using Tertulia.Load.Reporting;
using Tertulia.Testing;

namespace Tertulia.Load.Commands;

/// <summary>How a command ended; the number is the exit code.</summary>
internal enum Outcome
{
    /// <summary>Everything was measured, and nothing was lost, duplicated or out of order.</summary>
    Done = 0,

    /// <summary>Something failed, or was not clean.</summary>
    Failed = 1,

    /// <summary>The budget ended first: <c>--resume</c> goes on.</summary>
    Unfinished = 3,
}

/// <summary>What all measuring commands do alike: the budget, a started contender in a folder of its own, and what is left when it fails.</summary>
internal sealed class Attempt(BenchOptions options, CancellationToken cancellationToken)
{
    private readonly long _startedAt = Stopwatch.GetTimestamp();

    /// <summary>Whether nothing new is to be begun.</summary>
    public bool IsOver => Stopwatch.GetElapsedTime(_startedAt) > options.Budget;

    /// <summary>What this call is, for the head of a table.</summary>
    public static async Task<Session> DescribeAsync(string command) => new(command, await GitAsync("describe --always --dirty"), DateTimeOffset.UtcNow);

    /// <summary>Starts a contender, does something with it, and stops it; its folder stays when the result is not good.</summary>
    /// <param name="name">Of the contender.</param>
    /// <param name="cluster">Its processes.</param>
    /// <param name="settings">Added to the environment of its processes.</param>
    /// <param name="measure">Says why the result is not good; null when it is. Is given the folder.</param>
    /// <returns>Whether all went well; else it has been said why.</returns>
    public async Task<bool> RunAsync(
        string name, ClusterLayout cluster, IReadOnlyDictionary<string, string> settings, Func<Contender, string, string?> measure)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"tertulia-load-{Guid.NewGuid():N}"[..24]);
        try
        {
            string? complaint;
            await using (var contender = await Lineup.All[name](new ContenderStart(folder, cluster, settings), cancellationToken))
            {
                complaint = measure(contender, folder);
            }

            if (complaint is not null)
            {
                Console.Error.WriteLine($"  {complaint}\n  logs: {folder}");
                return false;
            }

            Directory.Delete(folder, recursive: true);
            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && Directory.Exists(folder))
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

    private static async Task<string> GitAsync(string arguments)
    {
        using var git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root })!;
        var output = await git.StandardOutput.ReadToEndAsync();
        return output.Trim() is { Length: > 0 } revision ? revision : "unknown";
    }
}
