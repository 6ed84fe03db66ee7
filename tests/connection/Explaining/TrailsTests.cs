using Tertulia.Connections.Events;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Explaining;

/// <summary>What a node says of the way of an entry.</summary>
public sealed class TrailsTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task It_says_when_an_entry_was_delivered_and_to_whom()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await ana.MessagesAsync(1);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 6);

        var trail = Explain(6);

        Assert.Equal((_node.Id, true, 6L, 1u, 0u), (trail.NodeId, trail.HoldsRoom, trail.RoomSeq, trail.ConnectionsThen, trail.LeftOut));
        Assert.InRange(trail.DeliveredAtMs, DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds(), DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        Assert.Equal(1, trail.OwnerEpoch);
        Assert.Equal(
            [
                (ana.Session.ConnectionId, "ana", ConnectionTrail.Types.Outcome.Sent),
                (bruno.Session.ConnectionId, "bruno", ConnectionTrail.Types.Outcome.ShownOnEntering),
            ],
            trail.Connections.Select(connection => (connection.ConnectionId, connection.UserId, connection.Outcome)));
    }

    [Fact]
    public async Task Who_was_left_out_is_named_also_when_it_is_gone()
    {
        var options = new OutboxOptions { SoftLimitBytes = 4096, HardLimitBytes = 64 * 1024 * 1024 };
        var slow = await _node.JoinedAsync("slow", "lobby", seq: 0, options);
        await _node.JoinedAsync("ana", "lobby", seq: 0);
        slow.Stream.Stall();
        for (var seq = 1; seq <= 50; seq++)
        {
            await _node.TellEventsAsync("lobby", TestNode.Message(seq, content: new string('x', 1000)));
        }

        await _node.SettledAsync();

        var trail = Explain(50);
        Assert.Equal((2u, 1u), (trail.ConnectionsThen, trail.LeftOut));
        Assert.Equal(ConnectionTrail.Types.Outcome.LeftOut, Of(trail, "slow"));
        Assert.Equal(ConnectionTrail.Types.Outcome.Sent, Of(trail, "ana"));

        await slow.GoAsync();
        Assert.Equal(ConnectionTrail.Types.Outcome.LeftOutThenGone, Of(Explain(50), "slow"));
        Assert.Equal(ConnectionTrail.Types.Outcome.SentThenGone, Of(Explain(1), "slow"));
    }

    [Fact]
    public async Task What_did_not_come_yet_is_said_and_what_another_epoch_had_is_not()
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);

        Assert.Equal((ConnectionTrail.Types.Outcome.NotYet, 0L), (Of(Explain(6), "ana"), Explain(6).DeliveredAtMs));
        Assert.Empty(Explain(5, epoch: "e0").Connections);
    }

    [Fact]
    public async Task A_node_without_the_room_says_so()
    {
        var trail = Explain(6);

        Assert.Equal((false, 0L, 0), (trail.HoldsRoom, trail.RoomSeq, trail.Connections.Count));
        await _node.SettledAsync();
    }

    [Fact]
    public async Task Only_the_connections_of_a_user_can_be_asked_for()
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        await _node.JoinedAsync("bruno", "lobby", seq: 5);
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _node.SettledAsync();

        var trail = _node.Of<Trails>().Explain(new TrailQuery { RoomId = "lobby", Epoch = TestNode.Epoch, Seq = 6, UserId = "bruno" });

        Assert.Equal(["bruno"], trail.Connections.Select(connection => connection.UserId));
        Assert.Equal(2u, trail.ConnectionsThen);
    }

    [Fact]
    public async Task All_nodes_are_asked_and_those_that_answer_in_time_are_told()
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        var asked = new TaskCompletionSource<(string From, TrailQuery Query)>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var other = await _node.Bus.ReceiveAsNodeAsync("node-b", batch =>
        {
            if (batch.TrailQueries is [var query, ..])
            {
                asked.TrySetResult((batch.From, query));
            }

            return ValueTask.CompletedTask;
        }, () => ValueTask.CompletedTask, CancellationToken.None);

        var asking = _node.Of<Trails>().AskAsync("lobby", TestNode.Epoch, 6, null, CancellationToken.None);
        var (from, question) = await Testing.Eventually.CompletesAsync(asked.Task, "the other node is asked");
        Assert.Equal((_node.Id, "lobby", 6L), (from, question.RoomId, question.Seq));
        await _node.TellAsync(new NodeBatch
        {
            From = "node-b", TrailAnswers = { new TrailAnswer { QueryId = question.QueryId, Trail = new NodeTrail { NodeId = "node-b" } } },
        });
        await _node.SettledAsync();
        Assert.False(asking.IsCompleted);
        _node.Time.Advance(new ExplainOptions().Patience);

        Assert.Equal(new[] { _node.Id, "node-b" }.Order(StringComparer.Ordinal), (await asking).Select(trail => trail.NodeId));
    }

    private NodeTrail Explain(long seq, string epoch = TestNode.Epoch) =>
        _node.Of<Trails>().Explain(new TrailQuery { RoomId = "lobby", Epoch = epoch, Seq = seq });

    private static ConnectionTrail.Types.Outcome Of(NodeTrail trail, string userId) => trail.Connections.Single(connection => connection.UserId == userId).Outcome;
}
