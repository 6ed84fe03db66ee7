using System.Collections.Concurrent;
using System.Globalization;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Convergence.Tests;

/// <summary>Many users change rooms at random on several nodes, with cut connections, killed processes and late joins: in the end everybody's model of each room
/// equals the server's.</summary>
/// <remarks><c>TERTULIA_SEEDS</c> and <c>TERTULIA_CLUSTER_SEEDS</c> are how many scripts run, <c>TERTULIA_SEED</c> the first one's seed. A failure prints the smallest script that was found.</remarks>
public abstract class Scripts(ITestOutputHelper output)
{
    private const int AtOnce = 4;
    private static readonly TimeSpan ShrinkWithin = TimeSpan.FromSeconds(60);

    /// <summary>Carries the scripts out, some at a time; the first one that fails is made smaller.</summary>
    private protected async Task CheckAsync(ICluster cluster, IEnumerable<int> seeds, int kills)
    {
        var failed = new ConcurrentQueue<(Script Script, IReadOnlyList<string> Differences)>();
        await Parallel.ForEachAsync(seeds, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (seed, _) =>
        {
            // One in five scripts kills somebody: those that run beside it feel it, too.
            var script = Script.Of(seed, kills: Math.Max(kills, seed % 5 == 0 ? 1 : 0));
            if (await Run.CarryOutAsync(cluster, script) is { Count: > 0 } differences)
            {
                failed.Enqueue((script, differences));
            }
        });

        if (failed.TryDequeue(out var failure))
        {
            output.WriteLine($"{failure.Script}\n{string.Join('\n', failure.Differences)}");
            var smaller = await Run.ShrinkAsync(cluster, failure.Script, ShrinkWithin);
            Assert.Fail($"{failed.Count + 1} seeds differ. The first, made smaller:\n{smaller}\nIt was:\n{string.Join('\n', failure.Differences)}");
        }
    }

    private protected static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
