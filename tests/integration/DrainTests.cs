using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Deploys lose nothing: who is served by a process that is told to stop is moved, and never sees a broken connection.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class DrainTests(FaultCluster fixture, ITestOutputHelper output)
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(30);

    [Fact]
    public Task A_node_that_is_told_to_stop_moves_its_clients_without_one_1006() => StopsAsync(fixture.Cluster.Connections[0]);

    [Fact]
    public Task A_gateway_that_is_told_to_stop_moves_its_clients_without_one_1006() => StopsAsync(fixture.Cluster.Gateways[0]);

    private async Task StopsAsync(ServerProcess process)
    {
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        await using var load = await RoomLoad.StartAsync(fixture.Gateways, clients: 40, rooms: 4, seed);
        await load.WaitForMoreAsync(100, Within);

        using var stop = new CancellationTokenSource(Within);
        var exitCode = await process.TerminateAsync(Within, stop.Token);
        await load.WaitForMoreAsync(100, Within);
        await fixture.RestartAsync(process);

        var closes = load.Clients.SelectMany(client => client.CloseCodes).ToArray();
        Assert.Equal(0, exitCode);
        Assert.NotEmpty(closes);
        Assert.All(closes, code => Assert.Contains(code, (int[])[1000, 4001]));
        Guarantees.Held(await load.FinishAsync());
    }
}
