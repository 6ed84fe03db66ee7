using System.Collections.Concurrent;
using System.Globalization;
using Xunit.Abstractions;

namespace Tertulia.Convergence.Tests;

/// <summary>Many users change rooms at random on several nodes, with cut connections, killed processes and late joins: in the end everybody's model of each room
/// equals the server's.</summary>
/// <remarks><c>TERTULIA_SEEDS</c> is how many scripts run, <c>TERTULIA_SEED</c> the first one's seed. A failure prints the smallest script that was found.</remarks>
public sealed class ConvergenceTests(ITestOutputHelper output)
{
    private const int AtOnce = 4;
    private const int SeedsOfWorld = 25; // Then a new one, so that a failure of a world is not a failure of all.
    private static readonly TimeSpan ShrinkWithin = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task All_models_of_a_room_are_equal_in_the_end()
    {
        var first = Setting("TERTULIA_SEED", 1);
        var count = Setting("TERTULIA_SEEDS", 200);
        for (var seed = first; seed < first + count; seed += SeedsOfWorld)
        {
            await using var world = await World.StartAsync(nodes: 3, replicas: 2);
            await CheckAsync(world, Enumerable.Range(seed, Math.Min(SeedsOfWorld, first + count - seed)));
        }
    }

    private async Task CheckAsync(ICluster cluster, IEnumerable<int> seeds)
    {
        var failed = new ConcurrentQueue<(Script Script, IReadOnlyList<string> Differences)>();
        await Parallel.ForEachAsync(seeds, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (seed, _) =>
        {
            // One in five scripts kills somebody: of four at once, all feel it.
            var script = Script.Of(seed, kills: seed % 5 == 0 ? 1 : 0);
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

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
