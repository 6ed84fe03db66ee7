using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>From the submit queue to the nodes, with the store and the bus of the all-in-one.</summary>
public sealed class PipelineTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly FakeTimeProvider _time = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone, _time);
        _node = await _backbone.NodeAsync("node-1");
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task Who_enters_a_room_first_creates_and_owns_it()
    {
        var reply = await _node.AskAsync(Commands.Join("lobby", "ana"));

        Assert.Equal(CommandReply.OutcomeOneofCase.Joined, reply.OutcomeCase);
        Assert.Equal((_replica.Store.Epoch, 2L, 1u, "owner"), (reply.Joined.Epoch, reply.Joined.Seq, reply.Joined.Members, reply.Joined.Role));
        Assert.Equal(_time.GetUtcNow().ToUnixTimeMilliseconds(), reply.Joined.OwnerEpoch);
        var events = await _node.EventsAsync("lobby", 1, 2);
        Assert.Equal("open", events[0].Room.Kind);
        Assert.Equal(("ana", "owner", 1u), (events[1].Member.UserId, events[1].Member.Role, events[1].Member.Members));
    }

    [Fact]
    public async Task Entering_again_writes_nothing()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));

        var again = await _node.AskAsync(Commands.Join("lobby", "ana"));

        Assert.Equal((2L, "owner"), (again.Joined.Seq, again.Joined.Role));
    }

    [Fact]
    public async Task A_message_reaches_every_node_of_the_room_and_names_the_command_that_caused_it()
    {
        await using var other = await _backbone.NodeAsync("node-2");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await other.AskAsync(Commands.Join("lobby", "bruno"));
        var send = Commands.Send("lobby", "ana", "hola", "c1");

        await _node.SubmitAsync(send);

        var mine = Assert.Single(await _node.EventsAsync("lobby", 4, 4));
        var theirs = Assert.Single(await other.EventsAsync("lobby", 4, 4));
        Assert.Equal(("hola", "c1", send.Send.MessageId), (mine.Message.Content, mine.Message.ClientMsgId, mine.Message.MessageId));
        Assert.Equal(("node-1", send.CommandId, 1L), (mine.OriginNodeId, mine.CommandId, mine.SubmittedAtMs));
        Assert.Equal(mine, theirs);
        var stored = await _replica.Store.ReadEventsAsync("lobby", 4, 4, ReadLimit.Of(1), CancellationToken.None);
        Assert.Equal(("", 0ul, 0L), (stored!.Events[0].OriginNodeId, stored.Events[0].CommandId, stored.Events[0].SubmittedAtMs));
    }

    [Fact]
    public async Task A_message_of_a_node_that_does_not_hold_the_room_is_answered_by_a_reply()
    {
        await using var other = await _backbone.NodeAsync("node-2");
        await _node.AskAsync(Commands.Join("lobby", "ana"));

        var reply = await other.AskAsync(Commands.Send("lobby", "ana", "hola", "c1"));

        Assert.Equal((3L, "c1", false), (reply.Stored.Seq, reply.Stored.ClientMsgId, reply.Stored.Duplicate));
    }

    [Fact]
    public async Task A_message_sent_again_is_answered_with_the_first_result_and_written_once()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var first = Commands.Send("lobby", "ana", "hola", "c1");
        await _node.SubmitAsync(first);
        await _node.EventsAsync("lobby", 3, 3);

        var again = await _node.AskAsync(Commands.Send("lobby", "ana", "hola", "c1"));

        Assert.Equal((3L, first.Send.MessageId, true), (again.Stored.Seq, again.Stored.MessageId, again.Stored.Duplicate));
        Assert.Equal(3, (await _replica.Store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), CancellationToken.None))!.LastSeq);
    }

    [Fact]
    public async Task A_message_sent_twice_in_one_batch_is_written_once()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var first = Commands.Send("lobby", "ana", "hola", "c1");
        var second = Commands.Send("lobby", "ana", "hola", "c1");

        await _node.SubmitAsync(first, second, Commands.Send("lobby", "ana", "after"));

        Assert.Equal((3L, first.Send.MessageId, true), ((await _node.ReplyToAsync(second)).Stored is var stored ? (stored.Seq, stored.MessageId, stored.Duplicate) : default));
        Assert.Equal(["hola", "after"], (await _node.EventsAsync("lobby", 3, 4)).Select(found => found.Message.Content));
    }

    [Fact]
    public async Task A_duplicate_that_only_the_store_remembers_is_found_by_the_conflict()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "hola", "c1"));
        await _node.EventsAsync("lobby", 3, 3);
        await _replica.DisposeAsync();
        _replica = await MessageReplica.StartAsync(_backbone, _time);

        var fresh = Commands.Send("lobby", "ana", "new", "c2");
        var again = Commands.Send("lobby", "ana", "hola", "c1");
        await _node.SubmitAsync(fresh, again);

        Assert.True((await _node.ReplyToAsync(again)).Stored.Duplicate);
        Assert.Equal(4, (await _node.ReplyToAsync(fresh)).Stored.Seq);
    }

    [Fact]
    public async Task The_same_command_again_is_published_again_with_the_same_seq()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var send = Commands.Send("lobby", "ana", "hola");
        await _node.SubmitAsync(send);
        await _node.EventsAsync("lobby", 3, 3);
        var before = _node.EventsReceived;

        await _node.SubmitAsync(send);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "after"));

        await _node.EventsAsync("lobby", 4, 4);
        Assert.Equal(before + 2, _node.EventsReceived);
    }

    [Fact]
    public async Task After_another_writer_wrote_the_room_goes_on_behind_it_without_a_gap()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var foreign = new RoomEvent { Seq = 3, CreatedAtMs = 1, UserId = "bruno", Message = new MessageCreated { MessageId = "b", Content = "foreign" } };
        var partition = Partitioner.PartitionOf("lobby", Partitioner.DefaultPartitions);
        var append = new RoomAppend(partition, "lobby", _replica.Get<OwnedPartitions>().EpochOf(partition), [new LogEntry("bruno", "b", foreign)]);
        await _replica.Store.AppendAsync([append], CancellationToken.None);

        await _node.SubmitAsync(Commands.Send("lobby", "ana", "mine"));

        Assert.Equal("mine", Assert.Single(await _node.EventsAsync("lobby", 4, 4)).Message.Content);
    }

    [Fact]
    public async Task Who_is_no_member_is_refused_and_nobody_sees_it()
    {
        await _node.AskAsync(Commands.Join("lobby", "ana"));

        var stranger = await _node.AskAsync(Commands.Send("lobby", "bruno", "hola"));
        var nowhere = await _node.AskAsync(Commands.Send("nowhere", "ana", "hola"));

        Assert.Equal(ErrorCode.NotMember, stranger.Refused.Code);
        Assert.Equal(ErrorCode.RoomNotFound, nowhere.Refused.Code);
        Assert.Equal(2, (await _replica.Store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), CancellationToken.None))!.LastSeq);
    }

    [Fact]
    public async Task A_node_that_subscribes_learns_the_position_and_the_other_nodes()
    {
        await using var other = await _backbone.NodeAsync("node-2");
        await _node.AskAsync(Commands.Join("lobby", "ana"));

        var reply = await other.AskAsync(Commands.Subscribe("lobby"));

        Assert.Equal((2L, 1u), (reply.Subscribed.Seq, reply.Subscribed.Members));
        Assert.Equal(["node-1", "node-2"], (await _node.TopologyAsync("lobby", 2)).NodeIds);
        Assert.Equal(["node-1", "node-2"], (await other.TopologyAsync("lobby", 2)).NodeIds);
        Assert.Equal(ErrorCode.RoomNotFound, (await other.AskAsync(Commands.Subscribe("nowhere"))).Refused.Code);
    }

    [Fact]
    public async Task A_new_owner_sends_to_all_nodes_for_a_while_and_then_only_to_the_subscribers()
    {
        await using var bystander = await _backbone.NodeAsync("node-2");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await bystander.EventsAsync("lobby", 1, 2);

        _time.Advance(TimeSpan.FromSeconds(6));
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "only for subscribers"));
        await _node.EventsAsync("lobby", 3, 3);
        await bystander.AskAsync(Commands.Subscribe("lobby"));
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "for both"));

        await bystander.EventsAsync("lobby", 4, 4);
        Assert.Equal(3, bystander.EventsReceived);
    }

    [Fact]
    public async Task A_node_that_unsubscribed_gets_nothing_more()
    {
        await using var other = await _backbone.NodeAsync("node-2");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await other.AskAsync(Commands.Subscribe("lobby"));
        _time.Advance(TimeSpan.FromSeconds(6));
        var received = other.EventsReceived;

        await other.SubmitAsync(Commands.Unsubscribe("lobby"));
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "hola"));
        await _node.EventsAsync("lobby", 3, 3);
        await other.AskAsync(Commands.Subscribe("lobby"));

        Assert.Equal(received, other.EventsReceived);
    }

    [Fact]
    public async Task A_node_whose_queue_is_gone_is_dropped_from_the_rooms()
    {
        var other = await _backbone.NodeAsync("node-2");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await other.AskAsync(Commands.Subscribe("lobby"));
        await _node.TopologyAsync("lobby", 2);
        _time.Advance(TimeSpan.FromSeconds(6));

        await other.DisposeAsync();
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "one"));
        await _node.EventsAsync("lobby", 3, 3);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "two"));

        Assert.Equal(["node-1"], (await _node.TopologyAsync("lobby", 1)).NodeIds);
    }

    [Fact]
    public async Task A_command_that_cannot_be_handled_goes_to_the_dead_letter_queue_and_stops_nobody()
    {
        var dead = new TaskCompletionSource<(SubmitBatch Batch, string Reason)>(TaskCreationOptions.RunContinuationsAsynchronously);
        ((Bus.InProcess.InProcessSubmitQueue)_backbone.Queue).DeadLettered += (batch, reason) => dead.TrySetResult((batch, reason));
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var unknown = Commands.Unknown("lobby", "ana");

        await _node.SubmitAsync(unknown, Commands.Send("lobby", "ana", "beside it"));
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "after it"));

        Assert.Equal(ErrorCode.UnknownType, (await _node.ReplyToAsync(unknown)).Refused.Code);
        Assert.Equal(["beside it", "after it"], (await _node.EventsAsync("lobby", 3, 4)).Select(found => found.Message.Content));
        var (batch, reason) = await Eventually.CompletesAsync(dead.Task, "the batch is dead-lettered");
        Assert.Equal(("unknown command", unknown.CommandId), (reason, batch.Commands[0].CommandId));
    }

    [Fact]
    public async Task A_busy_room_keeps_one_order_without_a_gap()
    {
        const int Count = 2_000;
        await _node.AskAsync(Commands.Join("lobby", "ana"));

        for (var i = 0; i < Count; i += 20)
        {
            await _node.SubmitAsync([.. Enumerable.Range(i, 20).Select(n => Commands.Send("lobby", "ana", $"{n}", $"c{n}"))]);
        }

        var events = await _node.EventsAsync("lobby", 3, Count + 2);
        Assert.Equal(Enumerable.Range(0, Count).Select(n => $"{n}"), events.Select(found => found.Message.Content));
    }
}
