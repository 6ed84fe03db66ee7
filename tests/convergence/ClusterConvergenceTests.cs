using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Convergence.Tests;

/// <summary>On real processes. Beside the others: most of its time is that of processes that start.</summary>
/// <param name="output">The whole script of a failure.</param>
public sealed class ClusterConvergenceTests(ITestOutputHelper output) : Scripts(output)
{
    [Trait(Needs.Trait, Needs.RabbitMq)]
    [Trait(Needs.Trait, Needs.Postgres)]
    [Fact]
    public async Task They_are_on_a_cluster_of_processes_that_are_killed()
    {
        var first = Setting("TERTULIA_SEED", 1_001);
        await using var cluster = await ProcessCluster.StartAsync(nodes: 2, replicas: 2);
        await CheckAsync(cluster, Enumerable.Range(first, Setting("TERTULIA_CLUSTER_SEEDS", 10)), kills: 1);
    }
}
