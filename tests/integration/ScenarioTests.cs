using Tertulia.Chart.Tests;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>The scenarios behind Tilt's buttons, against private processes: each ends with the history checker's verdict, and finds nothing.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
[Collection(TrafficCollection.Name)]
public sealed class ScenarioTests(FaultCluster fixture, ITestOutputHelper output)
{
    [Fact]
    public async Task Every_scenario_passes_against_a_cluster_of_processes()
    {
        var cluster = fixture.Cluster;
        await cluster.WriteListAsync(CancellationToken.None); // Tests before this one have restarted some.
        foreach (var scenario in (string[])["send 60", "kill-node", "drain-gateway", "break-broker 2", "storm 40"])
        {
            var said = await Helm.ProgramAsync(
                "env",
                [
                    $"TERTULIA_CLUSTER={Path.GetDirectoryName(cluster.LogDirectory)}", "TERTULIA_SCENARIO_SECONDS=3",
                    Path.Combine(Repository.Root, "tilt/scenario.sh"), .. scenario.Split(' '),
                ],
                "");

            output.WriteLine($"{scenario}\n{said.All}");
            Assert.True(said.ExitCode == 0, $"{scenario}: {said.All}");
            Assert.StartsWith("VERDICT: passed", said.Output.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
            await fixture.RestartAsync([.. cluster.Gateways.Concat(cluster.Connections).Where(process => process.HasExited)]);
            await cluster.WriteListAsync(CancellationToken.None);
        }
    }
}
