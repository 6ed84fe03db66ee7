using System.Net;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>While broker or database are away, sockets stay, and who sends or asks is told so within bounds.</summary>
[Collection(FaultCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class OutageTests(FaultCluster fixture)
{
    private readonly string _room = $"outage-{Guid.NewGuid():N}";

    private ClusterProcesses Cluster => fixture.Cluster;

    [Fact]
    public async Task Without_the_broker_a_door_is_not_ready_sends_are_answered_unavailable_and_the_same_message_goes_through_afterwards()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Gateways[0], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(Cluster.NodeUrls[1], _room, "bruno");

        using var http = new HttpClient();
        async Task<HttpStatusCode> ReadyAsync() => (await http.GetAsync(new Uri(Cluster.NodeUrls[0], "/health/ready"))).StatusCode;

        Frame refused, pong, history;
        await Cluster.Broker.KillAsync();
        try
        {
            refused = await ana.AskAsync("\"type\":\"message\",\"content\":\"hola\",\"client_msg_id\":\"c1\"");
            pong = await ana.AskAsync("\"type\":\"ping\"");
            history = await ana.AskAsync("\"type\":\"history\"");
            await Eventually.EqualsAsync(HttpStatusCode.ServiceUnavailable, ReadyAsync); // New clients go to another door.
        }
        finally
        {
            await fixture.RestartAsync(Cluster.Broker); // The next tests have the same.
        }

        await Eventually.EqualsAsync(HttpStatusCode.OK, ReadyAsync);
        await SayUntilItIsStoredAsync(ana);

        Assert.Equal((50301, "unavailable", true), (refused.Code, refused.Text("name"), refused.Flag("temporary")));
        Assert.Equal(("pong", "history"), (pong.Type, history.Type));
        var message = await bruno.WaitForAsync("message");
        await ana.SayAsync("next", clientMsgId: "c2");
        await bruno.WaitForAsync(frame => frame.Text("content") == "next", "the next message");
        Assert.Equal("c1", message.Text("client_msg_id"));
        Assert.Equal(["hola", "next"], bruno.Frames.Where(frame => frame.Type == "message").Select(frame => frame.Text("content")));
    }

    [Fact]
    public async Task Without_the_database_history_is_unavailable_and_what_was_sent_is_stored_when_it_is_back()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Gateways[0], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(Cluster.NodeUrls[1], _room, "bruno");

        await Cluster.Store.KillAsync();
        Frame history;
        try
        {
            await ana.SendAsync("""{"type":"message","content":"hola","client_msg_id":"c1"}""");
            history = await bruno.AskAsync("\"type\":\"history\"");
        }
        finally
        {
            await fixture.RestartAsync(Cluster.Store);
        }

        await SayUntilItIsStoredAsync(ana);

        Assert.Equal((50301, "unavailable", true), (history.Code, history.Text("name"), history.Flag("temporary")));
        var message = await bruno.WaitForAsync("message");
        await ana.SayAsync("next", clientMsgId: "c2");
        await bruno.WaitForAsync(frame => frame.Text("content") == "next", "the next message");
        Assert.Equal("c1", message.Text("client_msg_id"));
        Assert.Equal(["hola", "next"], bruno.Frames.Where(frame => frame.Type == "message").Select(frame => frame.Text("content")));
    }

    /// <summary>As a client does: the same message with the same id, until it is acknowledged.</summary>
    private static Task SayUntilItIsStoredAsync(ChatClient ana) => Eventually.EqualsAsync(
        "message_sent", async () => (await ana.AskAsync("\"type\":\"message\",\"content\":\"hola\",\"client_msg_id\":\"c1\"")).Type);
}
