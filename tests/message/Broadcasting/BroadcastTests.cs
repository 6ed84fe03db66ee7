using Tertulia.Contracts;
using Tertulia.Messages.Broadcasting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Tests.Broadcasting;

public sealed class BroadcastTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    public BroadcastTests() => _flush.Batches.Add(new SubmitBatch());

    [Fact]
    public void Every_node_of_the_room_is_told_and_nothing_is_written()
    {
        _room.Subscribe("node-1");
        _room.Subscribe("node-2");

        _flush.Decide(Commands.Broadcast("lobby", "ana", "cursor", """{"x":1}""").By(_room));

        Assert.Null(_room.Entries);
        Assert.Equal(CommandReply.OutcomeOneofCase.Told, Assert.Single(_flush.Replies).Reply.OutcomeCase);
        var sent = Sent(_flush.Seal("epoch"));
        Assert.Equal(["node-1", "node-2"], sent.Select(told => told.NodeId).Order());
        Assert.All(sent, told => Assert.Equal(
            ("lobby", "ana", "cursor", """{"x":1}""", "connection-1"),
            (told.Ephemeral.RoomId, told.Ephemeral.UserId, told.Ephemeral.Broadcast.Event, told.Ephemeral.Broadcast.Payload.ToStringUtf8(),
                told.Ephemeral.Broadcast.ConnectionId)));
    }

    [Fact]
    public void What_a_node_sends_again_is_answered_and_not_told_twice()
    {
        _flush.Batches[0].Again = true;
        _room.Subscribe("node-1");

        _flush.Decide(Commands.Broadcast("lobby", "ana", "cursor").By(_room));

        Assert.Equal(CommandReply.OutcomeOneofCase.Told, Assert.Single(_flush.Replies).Reply.OutcomeCase);
        Assert.Empty(Sent(_flush.Seal("epoch")));
    }

    [Fact]
    public void What_was_decided_of_a_room_that_was_not_written_is_not_told()
    {
        _flush.Commands.Add(Commands.Broadcast("lobby", "ana", "cursor").By(_room));
        _flush.Decide(_flush.Commands[0]);
        _room.IsUndone = true;

        _flush.Undo();

        Assert.Empty(_flush.Told);
        Assert.Single(_flush.Commands);
    }

    [Theory]
    [InlineData("guest", "open", ErrorCode.Forbidden)]
    [InlineData("member", "open", ErrorCode.Unspecified)]
    [InlineData("member", "auditorium", ErrorCode.Forbidden)]
    [InlineData("", "open", ErrorCode.NotMember)]
    public void Who_may_is_told_by_the_table(string role, string kind, ErrorCode expected)
    {
        _flush.Decide(Commands.Broadcast("lobby", "ana", "cursor").By(Deciding.Room(kind), role));

        var reply = Assert.Single(_flush.Replies).Reply;
        Assert.Equal(expected, reply.Refused?.Code ?? ErrorCode.Unspecified);
        Assert.Equal(expected == ErrorCode.Unspecified ? 1 : 0, _flush.Told.Count);
    }

    [Theory]
    [InlineData("", 0, ErrorCode.BadRequest)]
    [InlineData("cursor", BroadcastVerb.MaxPayloadBytes, ErrorCode.Unspecified)]
    [InlineData("cursor", BroadcastVerb.MaxPayloadBytes + 1, ErrorCode.TooLarge)]
    public void Its_size_has_a_limit_in_bytes(string name, int bytes, ErrorCode expected)
    {
        _flush.Decide(Commands.Broadcast("lobby", "ana", name, new string('1', bytes)).By(_room));

        Assert.Equal(expected, Assert.Single(_flush.Replies).Reply.Refused?.Code ?? ErrorCode.Unspecified);
    }

    private static List<(string NodeId, Ephemeral Ephemeral)> Sent(Outgoing outgoing)
    {
        var batches = new NodeBatches("message-1");
        batches.Add(outgoing);
        return [.. batches.Steps().SelectMany(step => step.ToNodes).SelectMany(send => send.Batch.Ephemerals.Select(told => (send.NodeId, told)))];
    }
}
