using Microsoft.Extensions.DependencyInjection;
using Tertulia.Contracts;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Reading;

/// <summary>From a node's command to the mark in the store, and back to the nodes.</summary>
public sealed class ReadVerbTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MessageReplica _replica = null!;
    private TestNode _node = null!;
    private WatchedMarks _marks = null!;
    private WatchedStore? _store;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(
            _backbone,
            store: store => _store = new WatchedStore(store) { LoseAnswerOf = "lost" },
            services: services => services.AddSingleton<IReadMarks>(provider => _marks = new WatchedMarks(provider.GetRequiredService<MessageDatabase>().Marks)));
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", "bruno"));
        await _node.SubmitAsync([.. Enumerable.Range(1, 5).Select(i => Commands.Send("lobby", "ana", $"m{i}"))]);
        await _node.EventsAsync("lobby", 4, 8);
    }

    public async Task DisposeAsync()
    {
        _held.TrySetResult();
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_mark_is_answered_when_it_is_durable_and_the_room_is_told()
    {
        await using var other = await _backbone.NodeAsync("node-2");
        await other.AskAsync(Commands.Join("lobby", "carla"));

        var reply = await _node.AskAsync(Commands.Read("lobby", "bruno", 6));

        var marked = new Marked { Epoch = _replica.Store.Epoch, ReadSeq = 6, Unread = 2, LastSeq = 9 };
        Assert.Equal(marked, reply.Marked);
        Assert.Equal(6, (await StateAsync("bruno")).Seq);
        var unread = await other.UserEventAsync(UserEvent.BodyOneofCase.Unread);
        Assert.Equal(("bruno", new RoomUnread { RoomId = "lobby", Mark = marked }), (unread.UserId, unread.Unread));
        var receipt = await other.EphemeralAsync(Ephemeral.BodyOneofCase.ReadReceipt);
        Assert.Equal(("lobby", "bruno", 6L), (receipt.RoomId, receipt.UserId, receipt.ReadReceipt.Seq));
    }

    [Fact]
    public async Task A_mark_that_is_there_already_is_answered_and_not_written_again()
    {
        await _node.AskAsync(Commands.Read("lobby", "bruno", 6));

        var again = await _node.AskAsync(Commands.Read("lobby", "bruno", 5));

        Assert.Equal((6L, 2L), (again.Marked.ReadSeq, again.Marked.Unread));
        Assert.Equal([1], _marks.Written);
    }

    [Fact]
    public async Task What_is_marked_unread_is_no_news_for_others()
    {
        await _node.AskAsync(Commands.Read("lobby", "bruno", 8));
        await _node.EphemeralAsync(Ephemeral.BodyOneofCase.ReadReceipt);

        var reply = await _node.AskAsync(Commands.Read("lobby", "bruno", 4, isExact: true));
        await _node.AskAsync(Commands.Read("lobby", "bruno", 4));

        Assert.Equal((4L, 4L), (reply.Marked.ReadSeq, reply.Marked.Unread));
        Assert.DoesNotContain(_node.Ephemerals, ephemeral => ephemeral.BodyCase == Ephemeral.BodyOneofCase.ReadReceipt);
    }

    [Fact]
    public async Task The_others_are_not_told_of_a_quiet_reader_and_the_users_devices_are()
    {
        var reply = await _node.AskAsync(Commands.Read("lobby", "bruno", 6, isQuiet: true));
        var unread = await _node.UserEventAsync(UserEvent.BodyOneofCase.Unread);
        await _node.AskAsync(Commands.Read("lobby", "bruno", 7));

        Assert.Equal((6L, 6L), (reply.Marked.ReadSeq, unread.Unread.Mark.ReadSeq));
        Assert.Equal(7, (await _node.EphemeralAsync(Ephemeral.BodyOneofCase.ReadReceipt)).ReadReceipt.Seq);
    }

    [Fact]
    public async Task More_than_there_is_cannot_be_read()
    {
        var reply = await _node.AskAsync(Commands.Read("lobby", "bruno", 1_000));

        Assert.Equal((8L, 0L), (reply.Marked.ReadSeq, reply.Marked.Unread));
    }

    [Fact]
    public async Task Who_may_not_read_marks_nothing()
    {
        Assert.Equal(ErrorCode.NotMember, (await _node.AskAsync(Commands.Read("lobby", "zoe", 5))).Refused.Code);
        Assert.Equal(ErrorCode.RoomNotFound, (await _node.AskAsync(Commands.Read("nowhere", "ana", 5))).Refused.Code);
        Assert.Equal(ErrorCode.BadRequest, (await _node.AskAsync(Commands.Read("lobby", "ana", -1))).Refused.Code);
        Assert.Empty(_marks.Written);
    }

    [Fact]
    public async Task A_flush_that_is_decided_again_keeps_its_marks()
    {
        var read = Commands.Read("lobby", "bruno", 9);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "lost"), read);

        Assert.Equal((9L, 0L), await _node.ReplyToAsync(read) is { Marked: { } marked } ? (marked.ReadSeq, marked.Unread) : default);
        Assert.Equal((9L, 0L), (await StateAsync("bruno")) is var state ? (state.Seq, state.Unread) : default);
    }

    [Fact]
    public async Task A_thousand_readers_of_every_message_are_one_transaction_and_get_no_receipts()
    {
        var users = Enumerable.Range(0, 1_000).Select(i => $"user-{i}").ToArray();
        await _node.SubmitAsync([.. users.Select(user => Commands.Join("lobby", user))]);
        await _node.EventsAsync("lobby", 9, 1_008);
        var writing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _marks.Writing = () =>
        {
            writing.TrySetResult();
            return _held.Task;
        };
        await _node.SubmitAsync(Commands.Read("lobby", "bruno", 4));
        await Eventually.CompletesAsync(writing.Task, "the first mark is being written");

        Command[] reads = [.. Enumerable.Range(4, 5).SelectMany(seq => users.Select(user => Commands.Read("lobby", user, seq)))];
        foreach (var some in reads.Chunk(500))
        {
            await _node.SubmitAsync(some);
        }

        await _node.SubmitAsync(Commands.Send("lobby", "ana", "after"));
        await _node.EventsAsync("lobby", 1_009, 1_009);
        _held.SetResult();
        await _node.ReplyToAsync(reads[^1]);

        Assert.Equal([1, 0], _marks.Written.Select(count => count == 1 ? 1 : 0).Distinct());
        Assert.InRange(_marks.Written.Count, 2, 3);
        Assert.DoesNotContain(_node.Ephemerals, ephemeral => ephemeral.BodyCase == Ephemeral.BodyOneofCase.ReadReceipt);
    }

    [Fact]
    public async Task What_waits_when_the_replica_stops_is_written_and_answered()
    {
        var read = Commands.Read("lobby", "bruno", 7);
        await _node.SubmitAsync(read, Commands.Send("lobby", "ana", "after"));
        await _node.EventsAsync("lobby", 9, 9);

        await _replica.DisposeAsync();

        Assert.Equal(7, (await _node.ReplyToAsync(read)).Marked.ReadSeq);
    }

    [Fact]
    public async Task Entering_and_listing_rooms_tell_how_much_is_unread()
    {
        await _node.AskAsync(Commands.Read("lobby", "bruno", 6));
        var unread = _replica.Get<UnreadCounts>();
        var snapshot = await unread.AddToAsync(new Snapshot { Epoch = "e" }, new GetSnapshotRequest { RoomId = "lobby", Actor = Commands.User("bruno") });
        var reply = await _replica.Get<RoomPages>().GetAsync(new ListRoomsRequest { Actor = Commands.User("bruno") }, CancellationToken.None);

        Assert.Equal(new Marked { Epoch = "e", ReadSeq = 6, Unread = 2, LastSeq = 8 }, snapshot.Mark);
        Assert.Equal((6L, 2L, 2L), (reply.Rooms[0].ReadSeq, reply.Rooms[0].Unread, reply.TotalUnread));
    }

    [Fact]
    public async Task The_total_counts_the_rooms_that_the_token_lets_its_bearer_read()
    {
        await _node.AskAsync(Commands.Join("garden", "ana"));
        await _node.AskAsync(Commands.Join("garden", "bruno"));
        await _node.AskAsync(Commands.Read("lobby", "bruno", 6));
        await _node.SubmitAsync(Commands.Send("garden", "ana", "one"));
        await _node.EventsAsync("garden", 4, 4);

        Assert.Equal(3, await TotalAsync(scope: null));
        Assert.Equal(3, await TotalAsync(new RoomScope { Patterns = { "*" } }));
        Assert.Equal(2, await TotalAsync(new RoomScope { Patterns = { "*" }, Except = { "garden" } }));
        Assert.Equal(1, await TotalAsync(new RoomScope { Patterns = { "gar*" } }));
        Assert.Equal(0, await TotalAsync(new RoomScope()));

        async Task<long> TotalAsync(RoomScope? scope) => (await _replica.Get<RoomPages>().GetAsync(
            new ListRoomsRequest { Actor = Commands.User("bruno"), Limit = 1, Scope = scope }, CancellationToken.None)).TotalUnread;
    }

    private async Task<ReadState> StateAsync(string userId) =>
        Assert.Single(await _replica.Get<IReadMarks>().ReadAsync([new MemberKey("lobby", userId)], CancellationToken.None)).Value;
}
