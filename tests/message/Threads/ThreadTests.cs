using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Threads;

namespace Tertulia.Messages.Tests.Threads;

/// <summary>Replies and pins, from the submit queue to what is read of them.</summary>
public sealed class ThreadTests : IAsyncLifetime
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
    public async Task A_reply_belongs_to_the_thread_of_what_it_answers_and_counts_there()
    {
        var root = await SayAsync(seq: 3);
        var first = await SayAsync(seq: 4, replyTo: root);
        var second = await SayAsync(seq: 5, replyTo: first);

        var events = await _node.EventsAsync("lobby", 4, 5);

        Assert.Equal([(root, 3L, 1u, "ana"), (root, 3L, 2u, "ana")], events.Select(
            entry => (entry.Message.ThreadRoot, entry.Message.ThreadRootSeq, entry.Message.ThreadReplies, entry.Message.ReplyToUserId)));
        var thread = await ThreadAsync(second);
        Assert.Equal((root, 2u, events[1].CreatedAtMs, 5L), (thread.Root.MessageId, thread.Root.ReplyCount, thread.Root.LastReplyAtMs, thread.Root.UpdatedSeq));
        Assert.Equal([(first, root), (second, root)], thread.Messages.Select(message => (message.MessageId, message.ThreadRoot)));
    }

    [Fact]
    public async Task Replies_of_one_flush_stack_up_and_a_message_that_answers_none_reads_nothing()
    {
        var root = await SayAsync(seq: 3);
        Assert.Empty(_store.LookedFor);

        await _node.SubmitAsync(
            Commands.Reply("lobby", "ana", "one", root), Commands.Send("lobby", "ana", "beside"), Commands.Reply("lobby", "ana", "two", root));

        Assert.Equal([1u, 0u, 2u], (await _node.EventsAsync("lobby", 4, 6)).Select(entry => entry.Message.ThreadReplies));
        Assert.Equal([[root]], _store.LookedFor);
        Assert.Equal(2u, (await ThreadAsync(root)).Root.ReplyCount);
    }

    [Fact]
    public async Task What_is_answered_must_be_in_the_room_and_not_deleted()
    {
        var message = await SayAsync(seq: 3);
        await _node.SubmitAsync(Commands.Delete("lobby", "ana", message));

        var deleted = await _node.AskAsync(Commands.Reply("lobby", "ana", "hola", message));
        var none = await _node.AskAsync(Commands.Reply("lobby", "ana", "hola", "no-such-message"));

        Assert.Equal([ErrorCode.MessageNotFound, ErrorCode.MessageNotFound], new[] { deleted, none }.Select(reply => reply.Refused.Code));
    }

    [Fact]
    public async Task A_reply_that_a_client_sends_again_counts_once()
    {
        var root = await SayAsync(seq: 3);
        var reply = Commands.Reply("lobby", "ana", "one", root, "c1");
        await _node.SubmitAsync(reply);
        await _node.EventsAsync("lobby", 4, 4);

        var again = await _node.AskAsync(Commands.Reply("lobby", "ana", "one", root, "c1"));
        await _node.SubmitAsync(reply); // The node's own, delivered twice.
        await SayAsync(seq: 5);

        Assert.Equal((4L, reply.Send.MessageId, true), (again.Stored.Seq, again.Stored.MessageId, again.Stored.Duplicate));
        Assert.Equal(1u, (await ThreadAsync(root)).Root.ReplyCount);
        Assert.Equal((root, 1u), (await _node.EventsAsync("lobby", 4, 4))[0].Message is var told ? (told.ThreadRoot, told.ThreadReplies) : default);
    }

    [Fact]
    public async Task Who_may_not_read_the_room_reads_no_thread_and_no_pins()
    {
        var root = await SayAsync(seq: 3);

        await RefusedAsync(ErrorCode.NotMember, () => ThreadAsync(root, "bruno"));
        await RefusedAsync(ErrorCode.NotMember, () => ThreadAsync("no-such-message", "bruno"));
        await RefusedAsync(ErrorCode.MessageNotFound, () => ThreadAsync("no-such-message"));
        await RefusedAsync(ErrorCode.BadRequest, () => ThreadAsync("no\0id"));
        await RefusedAsync(ErrorCode.NotMember, () => PinsAsync("bruno"));
        await RefusedAsync(ErrorCode.RoomNotFound, () => new PinPages(_replica.Store, TimeProvider.System).GetAsync(
            new GetPinsRequest { RoomId = "nowhere", Actor = Commands.User("ana"), Limit = 1 }, CancellationToken.None));
    }

    [Fact]
    public async Task The_pins_of_a_room_are_counted_once_and_again_by_the_next_owner()
    {
        var messages = new[] { await SayAsync(seq: 3), await SayAsync(seq: 4), await SayAsync(seq: 5) };
        await _node.SubmitAsync(Commands.Pin("lobby", "ana", messages[0]), Commands.Pin("lobby", "ana", messages[2]));
        await _node.EventsAsync("lobby", 6, 7);
        await _replica.DisposeAsync();
        await StartAsync();

        await _node.SubmitAsync(Commands.Pin("lobby", "ana", messages[1]), Commands.Delete("lobby", "ana", messages[0]));
        await _node.EventsAsync("lobby", 8, 9);

        Assert.Equal([(messages[1], 8L), (messages[2], 7L)], (await PinsAsync("ana")).Messages.Select(message => (message.MessageId, message.PinnedSeq)));
    }

    private static async Task RefusedAsync(ErrorCode code, Func<Task> call) =>
        Assert.Equal(code, RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(call)).Code);

    private async Task<string> SayAsync(long seq, string replyTo = "")
    {
        var send = replyTo.Length > 0 ? Commands.Reply("lobby", "ana", "hola", replyTo) : Commands.Send("lobby", "ana", "hola");
        await _node.SubmitAsync(send);
        await _node.EventsAsync("lobby", seq, seq);
        return send.Send.MessageId;
    }

    private Task<ThreadPage> ThreadAsync(string rootId, string userId = "ana") => new ThreadPages(_replica.Store, TimeProvider.System).GetAsync(
        new GetThreadRequest { RoomId = "lobby", Actor = Commands.User(userId), RootId = rootId, Limit = 50 }, CancellationToken.None);

    private Task<PinsPage> PinsAsync(string userId) => new PinPages(_replica.Store, TimeProvider.System).GetAsync(
        new GetPinsRequest { RoomId = "lobby", Actor = Commands.User(userId), Limit = 50 }, CancellationToken.None);

    private async Task StartAsync() => _replica = await MessageReplica.StartAsync(_backbone, store: store => _store = new WatchedStore(store));
}
