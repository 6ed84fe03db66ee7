using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>A deploy replaces every process, one after another, and nobody notices more than being moved.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class RollingRestartTests(FaultCluster fixture, ITestOutputHelper output)
{
    [Fact]
    public async Task Every_process_is_restarted_under_load_and_each_client_is_moved_once_at_most_and_sees_everything_once_and_in_order()
    {
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        await using var load = await RoomLoad.StartAsync(fixture.Gateways, RollingRestart.Clients, rooms: 20, seed, RollingRestart.Style);

        await new RollingRestart(fixture.Cluster, load, output).RunAsync(process => fixture.RestartAsync(process));

        Guarantees.Held(await load.FinishAsync());
    }
}
