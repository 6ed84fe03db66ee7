using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>One order per room, the same for all members, equal to seq; each message once.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class OrderTests(FaultCluster fixture)
{
    private readonly string _room = $"order-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Fact]
    public async Task Two_clients_on_different_nodes_see_each_message_once_and_in_the_same_order()
    {
        await using var ana = new ResumingClient([Nodes[0]], _room, "ana", new Random(1));
        await using var bruno = new ResumingClient([Nodes[1]], _room, "bruno", new Random(2));
        await ana.StartAsync();
        await bruno.StartAsync();

        var sent = await Task.WhenAll(Enumerable.Range(0, 200).SelectMany(i => new[] { ana.SendAsync($"a{i}"), bruno.SendAsync($"b{i}") }));
        var last = sent.Max(message => message.Seq);
        await ana.Transcript.WaitForSeqAsync(last, ChatClient.Deadline);
        await bruno.Transcript.WaitForSeqAsync(last, ChatClient.Deadline);

        // Bruno's own joining has a seq, too, so Ana's messages begin after it.
        Assert.Equal(Enumerable.Range(0, 400).Select(i => bruno.Transcript.Since + 1 + i), bruno.Transcript.Shown.Select(message => message.Seq));
        Assert.Equal(bruno.Transcript.Shown, ana.Transcript.Shown);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"a{i}"), bruno.Transcript.Shown.Where(m => m.UserId == "ana").Select(m => m.Content));
        Guarantees.Held(HistoryChecker.Check([await ana.ObserveAsync(), await bruno.ObserveAsync()]));
    }

    [Fact]
    public async Task The_sender_is_told_before_it_sees_its_own_message()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");

        var sent = await ana.SayAsync("hola", clientMsgId: "c1");
        var message = await ana.WaitForAsync("message");

        Assert.Equal((sent.Text("message_id"), sent.Number("seq")), (message.Text("id"), message.Seq));
        Assert.Contains(sent, ana.Frames.TakeWhile(frame => frame != message));
    }

    [Fact]
    public async Task The_same_client_msg_id_is_stored_once_and_answered_with_the_first_result_from_any_node()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        var first = await ana.SayAsync("once", clientMsgId: "c1");
        await using var elsewhere = await ChatClient.JoinAsync(Nodes[1], _room, "ana");

        var second = await elsewhere.SayAsync("once", clientMsgId: "c1");
        await elsewhere.SayAsync("after", clientMsgId: "c2");
        await ana.WaitForAsync(frame => frame.Text("content") == "after", "the message after it");

        Assert.Equal(
            (first.Text("message_id"), first.Number("seq"), first.Text("timestamp"), true),
            (second.Text("message_id"), second.Number("seq"), second.Text("timestamp"), second.Flag("duplicate")));
        Assert.Equal(["once", "after"], ana.Frames.Where(frame => frame.Type == "message").Select(frame => frame.Text("content")));
    }
}
