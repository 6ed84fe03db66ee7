using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>The same guarantees with the defaults that a production installation has: tokens only, every limit in force, the environment Production.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ProductionTests(ProductionCluster fixture, ITestOutputHelper output) : IClassFixture<ProductionCluster>
{
    // With a pause of 1.5 seconds in the mean, a user stays below 100 events a minute.
    private static readonly RoomLoadStyle Polite = new()
    {
        LongestPause = TimeSpan.FromSeconds(3),
        TokenFor = userId => Tokens.For(userId, TimeSpan.FromHours(1)),
    };

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    private ClusterProcesses Cluster => fixture.Cluster;

    [Fact]
    public Task Nothing_is_lost_shown_twice_or_out_of_order_when_node_owner_broker_and_database_are_killed() => UnderLoadAsync(async load =>
    {
        foreach (var process in (ServerProcess[])[Cluster.Connections[0], Cluster.Messages[0], Cluster.Broker, Cluster.Store])
        {
            await process.KillAsync();
            await fixture.RestartAsync(process);
            await load.WaitForMoreAsync(100, Within);
        }
    });

    [Fact]
    public Task A_gateway_and_a_node_that_are_told_to_stop_move_their_clients_without_one_1006() => UnderLoadAsync(async load =>
    {
        foreach (var process in (ServerProcess[])[Cluster.Gateways[0], Cluster.Connections[1]])
        {
            using var stop = new CancellationTokenSource(Within);
            Assert.Equal(0, await process.TerminateAsync(Within, stop.Token));
            await load.WaitForMoreAsync(50, Within);
            await fixture.RestartAsync(process);
        }

        var closes = load.Clients.SelectMany(client => client.CloseCodes).ToArray();
        Assert.NotEmpty(closes);
        Assert.All(closes, code => Assert.Contains(code, (int[])[1000, 4001]));
    });

    [Fact]
    public async Task Who_only_says_a_name_or_brings_a_token_for_another_audience_does_not_get_in()
    {
        await using var named = await ChatClient.ConnectAsync(fixture.Gateways[0], "/ws/lobby?user_id=root&username=root");
        await using var strange = await ChatClient.ConnectAsync(
            fixture.Gateways[0], "/ws/lobby", new ChatClientOptions { Token = Tokens.For("eve", TimeSpan.FromHours(1), audience: "another product") });

        Assert.Equal(4502, await named.WaitForCloseAsync());
        Assert.Equal(4501, await strange.WaitForCloseAsync());
        Assert.DoesNotContain(named.Frames.Concat(strange.Frames), frame => frame.Type == "connected");
    }

    private async Task UnderLoadAsync(Func<RoomLoad, Task> fault)
    {
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        await using var load = await RoomLoad.StartAsync(fixture.Gateways, clients: 60, rooms: 6, seed, Polite);
        await load.WaitForMoreAsync(100, Within);

        await fault(load);

        Guarantees.Held(await load.FinishAsync());
        output.WriteLine($"{load.Acknowledged} messages acknowledged");
    }
}
