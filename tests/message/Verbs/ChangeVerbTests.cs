using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Verbs;

/// <summary>Commands that change older messages, from the submit queue to the store and the nodes.</summary>
public sealed class ChangeVerbTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private WatchedStore _store = null!;
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        await StartAsync();
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task The_message_is_read_before_it_is_changed_once_for_all_commands_of_a_flush()
    {
        var (first, second) = (await SayAsync("first", seq: 3), await SayAsync("second", seq: 4));
        Assert.Empty(_store.LookedFor);

        await _node.SubmitAsync(
            Commands.Edit("lobby", "ana", first, "edited"), Commands.Edit("lobby", "ana", first, "twice"), Commands.Delete("lobby", "ana", second));

        var events = await _node.EventsAsync("lobby", 5, 7);
        Assert.Equal([("edited", 2u), ("twice", 3u)], events.Take(2).Select(entry => (entry.Edited.Content, entry.Edited.Version)));
        Assert.Equal(second, events[2].Deleted.MessageId);
        Assert.Equal(new HashSet<string> { first, second }, Assert.Single(_store.LookedFor).ToHashSet());
        Assert.Equal([("twice", 3L, 6L, 3u), ("", 4L, 7L, 1u)], (await HistoryAsync()).Select(
            message => (message.Content, message.Seq, message.UpdatedSeq, message.Version)));
    }

    [Fact]
    public async Task A_message_of_another_room_is_not_found_there()
    {
        var elsewhere = Commands.RoomsOf(Partitioner.PartitionOf("lobby", Partitioner.DefaultPartitions), count: 1)[0];
        await _node.AskAsync(Commands.Join(elsewhere, "ana"));
        var message = await SayAsync("here", seq: 3);

        var refused = await _node.AskAsync(Commands.Delete(elsewhere, "ana", message));
        var none = await _node.AskAsync(Commands.Delete("lobby", "ana", "no-such-message"));
        var odd = await _node.AskAsync(Commands.Delete("lobby", "ana", "no\0id"));

        Assert.Equal(
            [ErrorCode.MessageNotFound, ErrorCode.MessageNotFound, ErrorCode.MessageNotFound], new[] { refused, none, odd }.Select(reply => reply.Refused.Code));
    }

    [Fact]
    public async Task After_a_conflict_the_change_is_made_of_what_the_other_writer_left()
    {
        var message = await SayAsync("first", seq: 3);
        _store.Appending = async appends =>
        {
            _store.Appending = null;
            await EditForeignAsync(message, seq: 4, version: 2, appends[0].OwnerEpoch);
        };

        var conflict = Commands.Edit("lobby", "ana", message, "mine", version: 1);
        await _node.SubmitAsync(Commands.Edit("lobby", "ana", message, "blind"), conflict);

        var events = await _node.EventsAsync("lobby", 4, 5);
        Assert.Equal([("foreign", 2u), ("blind", 3u)], events.Select(entry => (entry.Edited.Content, entry.Edited.Version)));
        Assert.Equal(ErrorCode.VersionConflict, (await _node.ReplyToAsync(conflict)).Refused.Code);
        Assert.Equal("blind", Assert.Single(await HistoryAsync()).Content);
    }

    [Fact]
    public async Task The_same_command_at_the_next_owner_is_published_again_with_its_seq()
    {
        var message = await SayAsync("first", seq: 3);
        var edit = Commands.Edit("lobby", "ana", message, "edited", version: 1);
        await _node.SubmitAsync(edit);
        await _node.EventsAsync("lobby", 4, 4);
        await _replica.DisposeAsync();
        await StartAsync();
        var before = _node.EventsReceived;

        await _node.SubmitAsync(edit);

        var after = await SayAsync("after", seq: 5);
        Assert.Equal(["edited", "after"], (await HistoryAsync()).Select(found => found.Content));
        Assert.True(_node.EventsReceived >= before + 2, "the edit was published once more");
        Assert.NotEqual(message, after);
    }

    [Fact]
    public async Task An_append_whose_answer_was_lost_changed_the_message_once()
    {
        var message = await SayAsync("first", seq: 3);
        var edit = Commands.Edit("lobby", "ana", message, "edited");

        await _node.SubmitAsync(edit, Commands.Send("lobby", "ana", "lose my answer"));

        var events = await _node.EventsAsync("lobby", 4, 5);
        Assert.Equal(("node-1", edit.CommandId, 2u), (events[0].OriginNodeId, events[0].CommandId, events[0].Edited.Version));
        Assert.Equal(5, (await ReadAsync()).Head.LastSeq);
    }

    [Fact]
    public async Task A_node_that_does_not_hold_the_room_is_told_what_was_written()
    {
        await using var other = await _backbone.NodeAsync("node-2");
        var message = await SayAsync("first", seq: 3);

        var reply = await other.AskAsync(Commands.Edit("lobby", "ana", message, "edited"));

        Assert.Equal((4L, "edited", false), (reply.Stored.Entry.Seq, reply.Stored.Entry.Edited.Content, reply.Stored.Duplicate));
    }

    private async Task<string> SayAsync(string content, long seq)
    {
        var send = Commands.Send("lobby", "ana", content);
        await _node.SubmitAsync(send);
        await _node.EventsAsync("lobby", seq, seq);
        return send.Send.MessageId;
    }

    private async Task EditForeignAsync(string messageId, long seq, uint version, long ownerEpoch)
    {
        var entry = new RoomEvent
        {
            Seq = seq, CreatedAtMs = 1, UserId = "ana", Edited = new MessageEdited { MessageId = messageId, MessageSeq = 3, Content = "foreign", Version = version },
        };
        var state = new Message { MessageId = messageId, UserId = "ana", Content = "foreign", Version = version };
        var append = new RoomAppend(
            Partitioner.PartitionOf("lobby", Partitioner.DefaultPartitions), "lobby", ownerEpoch, [new LogEntry("ana", "foreign", entry, new MessageChange(3, state))]);
        Assert.Equal([AppendOutcome.Appended], await _replica.Store.AppendAsync([append], CancellationToken.None));
    }

    private async Task<List<Message>> HistoryAsync() => (await ReadAsync()).Messages;

    private async Task<Messages.Storage.RoomView> ReadAsync() =>
        (await _replica.Store.ReadPageAsync(new MemberKey("lobby", "ana"), HistoryRange.Newest, ReadLimit.Of(100), CancellationToken.None))!;

    private async Task StartAsync() =>
        _replica = await MessageReplica.StartAsync(_backbone, store: store => _store = new WatchedStore(store) { LoseAnswerOf = "lose my answer" });
}
