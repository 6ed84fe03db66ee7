using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A primary that became a read replica refuses to write (25006) and keeps its connections: they must be dropped, or no write ever succeeds again.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
[Collection(FaultCollection.Name)]
public sealed class DemotedPrimaryTests(FaultCluster fixture)
{
    private const string EndAllSessions =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";

    [Fact]
    public async Task What_was_sent_to_a_demoted_primary_is_stored_once_the_address_leads_to_a_primary_again()
    {
        var room = $"demoted-{Guid.NewGuid():N}";
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var ana = await ChatClient.JoinAsync(fixture.Gateways[0], room, "ana");
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], room, "bruno");
        await ana.SayAsync("before", clientMsgId: "c0");

        // Sessions that begin from now on cannot write, and stay like this when the server can again: as a replica's do after a failover.
        await fixture.Cluster.Postgres.ExecuteAsync("ALTER ROLE tertulia SET default_transaction_read_only = on", deadline.Token);
        try
        {
            await fixture.Cluster.Postgres.ExecuteAsync(EndAllSessions, deadline.Token);
            var refused = await ana.AskAsync("\"type\":\"message\",\"content\":\"hola\",\"client_msg_id\":\"c1\"");
            Assert.Equal(("unavailable", true), (refused.Text("name"), refused.Flag("temporary")));
        }
        finally
        {
            await fixture.Cluster.Postgres.ExecuteAsync("ALTER ROLE tertulia RESET default_transaction_read_only", deadline.Token);
        }

        await Eventually.EqualsAsync(
            "message_sent", async () => (await ana.AskAsync("\"type\":\"message\",\"content\":\"hola\",\"client_msg_id\":\"c1\"")).Type);
        await bruno.WaitForAsync(frame => frame.Text("content") == "hola", "the message");
        Assert.Equal(["before", "hola"], bruno.Frames.Where(frame => frame.Type == "message").Select(frame => frame.Text("content")));
    }
}
