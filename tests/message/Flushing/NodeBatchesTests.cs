using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;

namespace Tertulia.Messages.Tests.Flushing;

public sealed class NodeBatchesTests
{
    private static readonly string[] Nodes = ["node-1", "node-2"];
    private readonly NodeBatches _batches = new("message-1");

    [Fact]
    public void What_is_larger_than_a_message_may_be_is_cut_and_stays_in_order()
    {
        for (var flush = 0; flush < 4; flush++)
        {
            var outgoing = new Outgoing(flush);
            outgoing.Rooms.Add(new RoomSend(Events("lobby", first: 1 + (flush * 20), count: 20, bytes: 60_000), Nodes, ToAll: false));
            outgoing.Rooms.Add(new RoomSend(Events("other", first: 1 + (flush * 2), count: 2, bytes: 10), ["node-2"], ToAll: false));
            _batches.Add(outgoing);
        }

        var steps = _batches.Steps().ToList();

        Assert.True(steps.Count > 4, $"{steps.Count} steps");
        Assert.All(steps.SelectMany(step => step.ToNodes), send => Assert.InRange(send.Batch.CalculateSize(), 1, NodeBatches.MaxBytes));
        Assert.All(steps, step => Assert.Equal(step.ToNodes.Count, step.ToNodes.Select(send => send.NodeId).Distinct().Count()));
        foreach (var node in Nodes)
        {
            Assert.Equal(Enumerable.Range(1, 80).Select(seq => (long)seq), SeqsOf(steps, node, "lobby"));
        }

        Assert.Empty(SeqsOf(steps, "node-1", "other"));
        Assert.Equal(Enumerable.Range(1, 8).Select(seq => (long)seq), SeqsOf(steps, "node-2", "other"));
    }

    [Fact]
    public void What_goes_to_all_nodes_is_cut_too_and_comes_after_the_answers()
    {
        var outgoing = new Outgoing(1) { Replies = [new NodeReply("node-1", new CommandReply { Joined = new Joined { Seq = 7 } }, Deciding.Room())] };
        outgoing.Rooms.Add(new RoomSend(Events("lobby", first: 1, count: 40, bytes: 60_000), [], ToAll: true));
        _batches.Add(outgoing);

        var steps = _batches.Steps().ToList();

        Assert.Equal(7, Assert.Single(Assert.Single(steps[0].ToNodes).Batch.Replies).Joined.Seq);
        Assert.All(steps.Skip(1), step => Assert.Empty(step.ToNodes));
        Assert.All(steps, step => Assert.InRange(step.ToAll!.CalculateSize(), 1, NodeBatches.MaxBytes));
        Assert.Equal(
            Enumerable.Range(1, 40).Select(seq => (long)seq), steps.SelectMany(step => step.ToAll!.Rooms).SelectMany(room => room.Events).Select(found => found.Seq));
    }

    [Fact]
    public void A_single_entry_that_is_larger_goes_alone()
    {
        var outgoing = new Outgoing(1);
        outgoing.Rooms.Add(new RoomSend(Events("lobby", first: 1, count: 1, bytes: 10), ["node-1"], ToAll: false));
        outgoing.Rooms.Add(new RoomSend(Events("large", first: 1, count: 1, bytes: 2_000_000), ["node-1"], ToAll: false));
        outgoing.Rooms.Add(new RoomSend(Events("other", first: 1, count: 1, bytes: 10), ["node-1"], ToAll: false));
        _batches.Add(outgoing);

        Assert.Equal(["lobby", "large", "other"], _batches.Steps().Select(step => Assert.Single(Assert.Single(step.ToNodes).Batch.Rooms).RoomId));
    }

    [Fact]
    public void The_answers_stand_before_the_events_of_their_room()
    {
        var outgoing = new Outgoing(1)
        {
            Replies = [new NodeReply("node-1", new CommandReply { Joined = new Joined { Seq = 1 } }, Deciding.Room())],
        };
        outgoing.Rooms.Add(new RoomSend(Events("lobby", first: 2, count: 30, bytes: 60_000), ["node-1"], ToAll: false));
        _batches.Add(outgoing);

        Assert.Single(_batches.Steps().First().ToNodes[0].Batch.Replies);
    }

    [Theory]
    [InlineData("")]
    [InlineData("plain text")]
    [InlineData("señal, 信号, 🎉🎉, \ud800")]
    public void The_bound_of_an_events_size_is_never_below_it(string text)
    {
        RoomEvent[] events =
        [
            new() { Message = new MessageCreated { MessageId = text, ClientMsgId = text, Content = text, ReplyTo = text, Metadata = ByteString.CopyFromUtf8(text) } },
            new() { Member = new MemberChanged { UserId = text, Username = text, Role = text, Members = uint.MaxValue } },
            new() { Room = new RoomCreated { Kind = text } },
            new() { Extension = new Contracts.Extension { Verb = text, Body = ByteString.CopyFromUtf8(text) } },
        ];
        foreach (var found in events)
        {
            (found.Seq, found.CreatedAtMs, found.CommandId, found.SubmittedAtMs) = (long.MaxValue, long.MaxValue, ulong.MaxValue, long.MaxValue);
            (found.UserId, found.Username, found.OriginNodeId, found.Traceparent) = (text, text, text, text);
            var room = new RoomEvents { RoomId = text, Epoch = text, Events = { found } };

            Assert.InRange(new NodeBatch { Rooms = { room } }.CalculateSize(), 1, WireSize.AtMost(room));
        }
    }

    private static RoomEvents Events(string roomId, int first, int count, int bytes)
    {
        var events = new RoomEvents { RoomId = roomId, Epoch = "epoch" };
        for (var seq = first; seq < first + count; seq++)
        {
            events.Events.Add(new RoomEvent { Seq = seq, Message = new MessageCreated { Metadata = ByteString.CopyFrom(new byte[bytes]) } });
        }

        return events;
    }

    private static IEnumerable<long> SeqsOf(IEnumerable<SendStep> steps, string nodeId, string roomId) =>
        from step in steps
        from send in step.ToNodes
        where send.NodeId == nodeId
        from room in send.Batch.Rooms
        where room.RoomId == roomId
        from found in room.Events
        select found.Seq;
}
