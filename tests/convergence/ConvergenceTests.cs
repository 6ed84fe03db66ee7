using System.Collections.Concurrent;
using System.Globalization;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Convergence.Tests;

/// <summary>Many users change rooms at random on several nodes, with cut connections, killed processes and late joins: in the end everybody's model of each room
/// equals the server's.</summary>
/// <remarks><c>TERTULIA_SEEDS</c> and <c>TERTULIA_CLUSTER_SEEDS</c> are how many scripts run, <c>TERTULIA_SEED</c> the first one's seed. A failure prints the smallest script that was found.</remarks>
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
            await CheckAsync(world, Enumerable.Range(seed, Math.Min(SeedsOfWorld, first + count - seed)), kills: 0);
        }
    }

    [Trait(Needs.Trait, Needs.RabbitMq)]
    [Trait(Needs.Trait, Needs.Postgres)]
    [Fact]
    public async Task They_are_on_a_cluster_of_processes_that_are_killed()
    {
        var first = Setting("TERTULIA_SEED", 1_001);
        await using var cluster = await ProcessCluster.StartAsync(nodes: 2, replicas: 2);
        await CheckAsync(cluster, Enumerable.Range(first, Setting("TERTULIA_CLUSTER_SEEDS", 10)), kills: 1);
    }

    private async Task CheckAsync(ICluster cluster, IEnumerable<int> seeds, int kills)
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

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
