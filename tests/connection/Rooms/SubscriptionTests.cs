using Grpc.Core;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>What the node and the room's owner know of each other is compared, and a store that went back is noticed.</summary>
public sealed class SubscriptionTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_quiet_room_is_compared_and_what_was_lost_is_delivered_without_new_traffic()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request =>
            new GetEventsReply { LastSeq = 6, CoveredToSeq = 6, Events = TestNode.Entries("lobby", TestNode.Message(6)) });

        var check = await NextSubscribeAsync();
        Assert.Equal((true, 5, TestNode.Epoch), (check.Subscribe.Check, check.Subscribe.LastSeq, check.Subscribe.Epoch));
        Assert.Equal(0, _node.Of<Connections.Submitting.PendingAcks>().Count);
        await _node.ReplyAsync(check, reply => reply.Subscribed = Position(6));

        Assert.Equal(["m6"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task A_room_in_which_something_happens_is_not_compared()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        for (var seq = 6; seq < 20; seq++)
        {
            await _node.TellEventsAsync("lobby", TestNode.Message(seq));
            await ana.MessagesAsync(1);
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            await _node.SettledAsync();
        }

        Assert.False(_node.TryReadCommand(out _));
    }

    [Fact]
    public async Task An_owner_whose_room_ends_before_what_was_delivered_is_asked_again_and_then_positions_are_void()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 9);
        await _node.OwnAsync(2);
        var first = await NextSubscribeAsync();
        Assert.Equal((9, TestNode.Epoch, false), (first.Subscribe.LastSeq, first.Subscribe.Epoch, first.Subscribe.Check));
        await _node.ReplyAsync(first, reply => reply.Subscribed = Position(4, ownerEpoch: 2));
        await _node.SettledAsync();
        Assert.False(ana.Stream.Closed.IsCompleted);

        var second = await NextSubscribeAsync();
        Assert.Equal(9, second.Subscribe.LastSeq);
        await _node.ReplyAsync(second, reply => reply.Subscribed = Position(4, ownerEpoch: 2));

        Assert.Equal(4005, (await Eventually.CompletesAsync(ana.Stream.Closed, "the client is closed")).Code);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 4);
        await _node.TellEventsAsync("lobby", TestNode.Message(5, content: "used again"));
        Assert.Equal(["used again"], await bruno.MessagesAsync(1));
    }

    [Fact]
    public async Task An_owner_that_renews_the_epoch_voids_positions_at_once_and_newcomers_start_from_the_new_base()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 9);
        await _node.OwnAsync(2);
        await _node.ReplyAsync(await NextSubscribeAsync(), reply => reply.Subscribed = Position(4, ownerEpoch: 2, epoch: "e2"));

        Assert.Equal(4005, (await Eventually.CompletesAsync(ana.Stream.Closed, "the client is closed")).Code);
        var room = _node.Hub.Find("lobby")!;
        Assert.Equal(("e2", 4L), (room.Epoch, room.LastSeq));
    }

    [Fact]
    public async Task An_older_owner_that_knows_less_voids_nothing()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 9);
        await _node.OwnAsync(3);
        for (var answer = 0; answer < 4; answer++)
        {
            await _node.ReplyAsync(await NextSubscribeAsync(), reply => reply.Subscribed = Position(4, ownerEpoch: 2));
        }

        await _node.ReplyAsync(await NextSubscribeAsync(), reply => reply.Subscribed = Position(9, ownerEpoch: 3));
        await _node.TellEventsAsync("lobby", TestNode.Message(10));

        Assert.Equal(["m10"], await ana.MessagesAsync(1));
        Assert.False(ana.Stream.Closed.IsCompleted);
    }

    [Fact]
    public async Task What_an_older_owner_says_of_the_former_epoch_does_not_bring_it_back()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 9);
        await _node.OwnAsync(2);
        await _node.ReplyAsync(await NextSubscribeAsync(), reply => reply.Subscribed = Position(4, ownerEpoch: 2, epoch: "e2"));
        await Eventually.CompletesAsync(ana.Stream.Closed, "the client is closed");
        var room = _node.Hub.Find("lobby")!;

        await _node.TellEventsAsync("lobby", TestNode.Message(10)); // Of e1.
        await _node.TellAsync(new NodeBatch { Replies = { new CommandReply { RoomId = "lobby", CommandId = 1_000_000, Subscribed = Position(10) } } });
        await _node.SettledAsync();

        Assert.Equal(("e2", 4L), (room.Epoch, room.LastSeq));
    }

    [Fact]
    public async Task A_room_that_its_owner_does_not_know_any_more_voids_positions()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 9);
        await _node.OwnAsync(2);
        for (var answer = 0; answer < 2; answer++)
        {
            await _node.ReplyAsync(await NextSubscribeAsync(), reply => reply.Refused = new Refusal { Code = ErrorCode.RoomNotFound });
        }

        Assert.Equal(4005, (await Eventually.CompletesAsync(ana.Stream.Closed, "the client is closed")).Code);
    }

    [Fact]
    public async Task A_newcomer_whose_snapshot_ends_before_what_was_delivered_makes_the_node_ask_the_owner()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 9);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 4 });
        var bruno = await _node.ConnectAsync("bruno");
        await bruno.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 4);
        var joined = bruno.NextAsync("joined", "the answer");

        // The owner, asked by either command, has renewed the epoch.
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = "e2", Seq = 4 });
        var wasAsked = false;
        for (var step = 0; !joined.IsCompleted; step++)
        {
            Assert.True(step < 1000, "the newcomer is not in the room");
            if (_node.TryReadCommand(out var command))
            {
                await _node.ReplyAsync(command!, Answer(command!));
            }

            await _node.SettledAsync();
            _node.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.True(wasAsked);
        Assert.Equal(("e2", 4), ((await joined).Epoch, (await joined).Seq));
        Assert.Equal(4005, (await Eventually.CompletesAsync(ana.Stream.Closed, "who has void positions is closed")).Code);

        Action<CommandReply> Answer(Command command)
        {
            wasAsked |= command.Subscribe is not null;
            var epoch = wasAsked ? "e2" : TestNode.Epoch;
            return command.Subscribe is null
                ? reply => reply.Joined = new Joined { Epoch = epoch, Seq = 4, OwnerEpoch = 1, Members = 1, Role = "member" }
                : reply => reply.Subscribed = Position(4, epoch: epoch);
        }
    }

    [Fact]
    public async Task A_large_hole_is_read_in_pieces()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request => new GetEventsReply
        {
            LastSeq = 30,
            CoveredToSeq = request.FromSeq + 1,
            Events = TestNode.Entries("lobby", TestNode.Message(request.FromSeq), TestNode.Message(request.FromSeq + 1)),
        });

        await _node.TellEventsAsync("lobby", TestNode.Message(30));
        await _node.SettledAsync();
        _node.Time.Advance(GapRepair.Patience);

        Assert.Equal(Enumerable.Range(6, 25).Select(seq => $"m{seq}"), await ana.MessagesAsync(25)); // Without any back-off.
    }

    [Fact]
    public async Task An_entry_that_can_never_be_read_is_told_as_a_gap_and_the_room_goes_on()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request =>
            request.FromSeq <= 7 && request.FromSeq + request.Limit > 7 // The seventh does not fit into a reply.
                ? throw new RpcException(new Status(StatusCode.ResourceExhausted, "Received message exceeds the maximum configured message size."))
                : new GetEventsReply { LastSeq = 9, CoveredToSeq = request.FromSeq, Events = TestNode.Entries("lobby", TestNode.Message(request.FromSeq)) });

        await _node.TellEventsAsync("lobby", TestNode.Message(9));
        await _node.SettledAsync();

        Assert.Equal("m6", (await AdvanceToNextAsync(ana)).Text("content"));
        var gap = await AdvanceToNextAsync(ana);
        Assert.Equal(("gap", 7L, 7L), (gap.Type, gap.Number("from_seq"), gap.Number("to_seq")));
        Assert.Equal("m8", (await AdvanceToNextAsync(ana)).Text("content"));
        Assert.Equal("m9", (await AdvanceToNextAsync(ana)).Text("content"));
    }

    [Fact]
    public async Task A_log_that_can_never_be_read_is_given_up_and_the_room_goes_on()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetEventsRequest, GetEventsReply>(
            "GetEvents", Task<GetEventsReply> (_) => throw new RpcException(new Status(StatusCode.Internal, "broken")));

        await _node.TellEventsAsync("lobby", TestNode.Message(5000));
        await _node.SettledAsync();

        var last = await AdvanceToNextAsync(ana);
        for (var gaps = 0; last.Type == "gap"; gaps++)
        {
            Assert.InRange(gaps, 0, 10);
            last = await AdvanceToNextAsync(ana);
        }

        Assert.Equal("m5000", last.Text("content"));
        await _node.TellEventsAsync("lobby", TestNode.Message(5001));
        Assert.Equal(["m5001"], await ana.MessagesAsync(1));
    }

    private static Subscribed Position(long seq, long ownerEpoch = 1, string epoch = TestNode.Epoch) =>
        new() { Epoch = epoch, Seq = seq, OwnerEpoch = ownerEpoch, Members = 1 };

    private Task<Command> NextSubscribeAsync() => AdvanceUntilAsync(_node.CommandAsync(Command.BodyOneofCase.Subscribe));

    private Task<Tertulia.Testing.Frame> AdvanceToNextAsync(TestClient client) => AdvanceUntilAsync(client.NextAsync());

    private async Task<T> AdvanceUntilAsync<T>(Task<T> task)
    {
        await Eventually.HoldsAsync(() =>
        {
            if (!task.IsCompleted)
            {
                _node.Time.Advance(TimeSpan.FromMilliseconds(200));
            }

            return task.IsCompleted;
        }, "what is awaited comes");
        return await task;
    }
}
