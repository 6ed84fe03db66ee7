using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Subscribing;

namespace Tertulia.Messages.Tests.Flushing;

public sealed class FlushTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    [Fact]
    public void An_event_names_its_command_only_after_it_was_written()
    {
        var submitted = Commands.Send("lobby", "ana", "hola").By(_room);
        Append(submitted);
        Assert.Equal("", _room.Entries![0].Event.OriginNodeId);

        var sealed_ = _flush.Seal("epoch");

        Assert.Equal(("node-1", submitted.Command.CommandId), sealed_.Rooms[0].Events.Events[0] is var sent ? (sent.OriginNodeId, sent.CommandId) : default);
    }

    [Fact]
    public void A_node_that_gets_the_event_gets_no_reply_besides()
    {
        _room.Subscribe("node-1");
        Append(Commands.Send("lobby", "ana", "hola").By(_room));
        Append(Commands.Send("lobby", "ana", "hola").By(_room, nodeId: "node-2"));

        var sealed_ = _flush.Seal("epoch");

        var reply = Assert.Single(sealed_.Replies);
        Assert.Equal(("node-2", "epoch", 12L), (reply.NodeId, reply.Reply.Stored.Epoch, reply.Reply.Stored.Seq));
    }

    [Fact]
    public void What_is_published_again_comes_in_the_order_of_seq()
    {
        var submitted = Commands.Send("lobby", "ana", "hola").By(_room);
        Append(submitted);
        _flush.PublishMissed(_room, new RoomEvent { Seq = 4, Message = new MessageCreated() });

        Assert.Equal([4, 11], _flush.Seal("epoch").Rooms[0].Events.Events.Select(found => found.Seq));
    }

    [Fact]
    public void The_topology_goes_out_when_it_changed_and_then_not_again()
    {
        _room.Subscribe("node-1");
        _flush.Touch(_room);
        Assert.Equal(["node-1"], Assert.Single(_flush.Seal("epoch").Topologies).Topology.NodeIds);
        _flush.Begin("epoch");

        _flush.Touch(_room);
        Assert.Empty(_flush.Seal("epoch").Topologies);
    }

    [Fact]
    public void Who_subscribes_again_is_told_the_topology_again()
    {
        _room.Subscribe("node-2");
        new SubscribeVerb().Decide(Commands.Subscribe("lobby").By(_room), _flush);
        _flush.Seal("epoch");
        _flush.Begin("epoch");

        new SubscribeVerb().Decide(Commands.Subscribe("lobby").By(_room), _flush);

        var (topology, receivers) = Assert.Single(_flush.Seal("epoch").Topologies);
        Assert.Equal(["node-2", "node-1"], topology.NodeIds);
        Assert.Equal(["node-1"], receivers);
    }

    [Theory]
    [InlineData(10, "epoch", true, false)]
    [InlineData(9, "epoch", true, true)]
    [InlineData(10, "older", true, true)]
    [InlineData(10, "epoch", false, true)]
    public void A_node_that_compares_is_answered_only_when_it_was_wrong(long lastSeq, string epoch, bool wasSubscribed, bool isAnswered)
    {
        if (wasSubscribed)
        {
            _room.Subscribe("node-1");
        }

        var command = Commands.Subscribe("lobby", lastSeq, epoch);
        command.Subscribe.Check = true;

        new SubscribeVerb().Decide(command.By(_room), _flush);

        Assert.Equal(isAnswered ? [new Subscribed { Epoch = "epoch", Seq = 10, OwnerEpoch = 77, Members = 2 }] : [], _flush.Replies.Select(reply => reply.Reply.Subscribed));
        Assert.True(_room.IsSubscribed("node-1"));
    }

    [Fact]
    public void A_node_that_subscribed_after_its_queue_was_missed_is_not_gone()
    {
        _flush.Begin("epoch");
        var missed = new GoneNode("node-1", _flush.Number);
        _flush.Begin("epoch");
        new SubscribeVerb().Decide(Commands.Subscribe("lobby").By(_room), _flush);

        Assert.False(_flush.IsGone(missed));
        Assert.True(_flush.IsGone(new GoneNode("node-1", _flush.Number)));
        Assert.True(_flush.IsGone(new GoneNode("node-2", 0)));
    }

    [Fact]
    public void What_was_sealed_does_not_change_with_the_room()
    {
        _room.Subscribe("node-1");
        Append(Commands.Send("lobby", "ana", "hola").By(_room));
        var sealed_ = _flush.Seal("epoch");
        _flush.Begin("epoch");

        _room.Subscribe("node-2");
        Append(Commands.Send("lobby", "ana", "hola").By(_room));

        Assert.Equal(["node-1"], sealed_.Rooms[0].Subscribers);
        Assert.Single(sealed_.Rooms[0].Events.Events);
    }

    [Fact]
    public void Each_node_gets_one_batch_with_all_that_concerns_it()
    {
        var other = Deciding.Room(roomId: "other");
        foreach (var room in (RoomState[])[_room, other])
        {
            room.Subscribe("node-1");
        }

        _room.Subscribe("node-2");
        Append(Commands.Send("lobby", "ana", "hola").By(_room));
        Append(Commands.Send("other", "ana", "hola").By(other));
        Append(Commands.Send("other", "ana", "hola").By(other, nodeId: "node-3"));
        var batches = new NodeBatches("message-1");
        batches.Add(_flush.Seal("epoch"));

        var step = Assert.Single(batches.Steps());
        var byNode = step.ToNodes.ToDictionary(send => send.NodeId, send => send.Batch);
        Assert.Equal(["node-1", "node-2", "node-3"], byNode.Keys.Order());
        Assert.Equal(["lobby", "other"], byNode["node-1"].Rooms.Select(room => room.RoomId));
        Assert.Equal(["lobby"], byNode["node-2"].Rooms.Select(room => room.RoomId));
        Assert.Empty(byNode["node-3"].Rooms);
        Assert.Single(byNode["node-3"].Replies);
        Assert.Null(step.ToAll);
    }

    private void Append(in Submitted submitted) => Deciding.Sends.Decide(submitted, _flush);
}
