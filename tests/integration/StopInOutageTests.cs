using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A process that is told to stop while broker or database are away ends within its grace: a deploy in the middle of an outage does not hang.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
[Collection(FaultCollection.Name)]
public sealed class StopInOutageTests(FaultCluster fixture)
{
    // The cluster's grace of 5 seconds, and 10 for a busy machine; .NET's own time for hosted services to stop is 30.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    private ClusterProcesses Cluster => fixture.Cluster;

    [Fact]
    public Task Nodes_and_owners_that_are_told_to_stop_without_the_broker_end_in_time() => StopsWithoutAsync(Cluster.Broker);

    [Fact]
    public Task Nodes_and_owners_that_are_told_to_stop_without_the_database_end_in_time() => StopsWithoutAsync(Cluster.Store);

    private async Task StopsWithoutAsync(ServerProcess server)
    {
        var room = $"stop-{Guid.NewGuid():N}";
        await using var ana = await ChatClient.JoinAsync(Cluster.NodeUrls[0], room, "ana");
        ServerProcess[] told = [Cluster.Connections[0], Cluster.Messages[0], Cluster.Presences[0]];

        await server.KillAsync();
        await ana.SendAsync("""{"type":"message","content":"under way","client_msg_id":"c1"}""");
        var exits = await Task.WhenAll(told.Select(StopAsync));
        await fixture.RestartAsync([server, .. told]);

        Assert.Equal(told.Select(process => $"{process.Name} ended with 0"), exits);
        await using var again = await ChatClient.JoinAsync(Cluster.NodeUrls[0], room, "ana");
        await Eventually.EqualsAsync(
            "message_sent", async () => (await again.AskAsync("\"type\":\"message\",\"content\":\"under way\",\"client_msg_id\":\"c1\"")).Type);
    }

    /// <returns>How it ended, in words: the cluster is put together again before anything is asserted.</returns>
    private static async Task<string> StopAsync(ServerProcess process)
    {
        try
        {
            return $"{process.Name} ended with {await process.TerminateAsync(Grace, CancellationToken.None)}";
        }
        catch (TimeoutException late)
        {
            return late.Message;
        }
    }
}
