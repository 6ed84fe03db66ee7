using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Acknowledged means durable, visible means once and in order: whatever process dies under a running load.</summary>
[Collection(FaultCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class DurabilityTests(FaultCluster fixture, ITestOutputHelper output)
{
    private const int Clients = 60;
    private const int Rooms = 6;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    private ClusterProcesses Cluster => fixture.Cluster;

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_a_connection_node_is_killed() => UnderLoadAsync(async load =>
    {
        await Cluster.Connections[0].KillAsync();
        await load.WaitForMoreAsync(300, Within);
        await fixture.RestartAsync(Cluster.Connections[0]);
        Assert.Contains(load.Clients, client => client.CloseCodes.Count > 0);
    });

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_the_active_consumers_are_killed() => UnderLoadAsync(async load =>
    {
        // The replicas share the partitions: one after the other, each room loses its active consumer.
        foreach (var replica in Cluster.Messages)
        {
            await replica.KillAsync();
            await load.WaitForMoreAsync(300, Within);
            await fixture.RestartAsync(replica);
            await load.WaitForMoreAsync(100, Within);
        }
    });

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_a_presence_replica_is_killed() => UnderLoadAsync(async load =>
    {
        await Cluster.Presences[0].KillAsync();
        await load.WaitForMoreAsync(300, Within);
        await fixture.RestartAsync(Cluster.Presences[0]);
    });

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_the_broker_is_killed_and_comes_back() => UnderLoadAsync(async load =>
    {
        await Cluster.Broker.KillAsync();
        await fixture.RestartAsync(Cluster.Broker);
    });

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_the_database_is_killed_and_comes_back() => UnderLoadAsync(async load =>
    {
        await Cluster.Store.KillAsync();
        await fixture.RestartAsync(Cluster.Store);
    });

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_a_gateway_is_killed() => UnderLoadAsync(async load =>
    {
        await Cluster.Gateways[0].KillAsync();
        await load.WaitForMoreAsync(300, Within);
        await fixture.RestartAsync(Cluster.Gateways[0]);
    });

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_one_process_after_the_other_is_killed_at_random() => UnderLoadAsync(async load =>
    {
        var random = new Random(load.Seed);
        ServerProcess[] processes = [.. Cluster.Gateways, .. Cluster.Connections, .. Cluster.Messages, .. Cluster.Presences, .. Cluster.Notifications, Cluster.Broker, Cluster.Store];
        for (var kill = 0; kill < 5; kill++)
        {
            var process = processes[random.Next(processes.Length)];
            output.WriteLine($"Kills {process.Name}");
            await process.KillAsync();
            await fixture.RestartAsync(process);
            await load.WaitForMoreAsync(random.Next(200), Within);
        }
    });

    private async Task UnderLoadAsync(Func<RoomLoad, Task> fault)
    {
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        await using var load = await RoomLoad.StartAsync(fixture.Gateways, Clients, Rooms, seed);
        await load.WaitForMoreAsync(300, Within);

        await fault(load);
        await load.WaitForMoreAsync(300, Within);

        Guarantees.Held(await load.FinishAsync());
        output.WriteLine($"{load.Acknowledged} messages acknowledged");
    }
}
