using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

public sealed class DeliveryTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task All_members_see_the_entries_once_and_in_the_order_of_seq()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", TestNode.Message(7), TestNode.Message(8));
        await _node.TellEventsAsync("lobby", TestNode.Message(5), TestNode.Message(6), TestNode.Message(7));
        await _node.TellEventsAsync("lobby", TestNode.Message(9));

        Assert.Equal(["m6", "m7", "m8", "m9"], await ana.MessagesAsync(4));
        Assert.Equal(["m6", "m7", "m8", "m9"], await bruno.MessagesAsync(4));
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_hole_that_does_not_close_by_itself_is_read_from_the_log()
    {
        var asked = new TaskCompletionSource<GetEventsRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request =>
        {
            asked.TrySetResult(request);
            return new GetEventsReply { LastSeq = 8, Events = TestNode.Entries("lobby", TestNode.Message(6), TestNode.Message(7), TestNode.Message(8)) };
        });
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", TestNode.Message(8));
        await _node.SettledAsync();
        await ana.HasNothingMoreAsync();
        Assert.False(asked.Task.IsCompleted);
        _node.Time.Advance(GapRepair.Patience);

        var request = await Eventually.CompletesAsync(asked.Task, "the log is asked");
        Assert.Equal(("lobby", 6, 8), (request.RoomId, request.FromSeq, request.ToSeq));
        Assert.Equal(["m6", "m7", "m8"], await ana.MessagesAsync(3));
        await _node.TellEventsAsync("lobby", TestNode.Message(9));
        Assert.Equal(["m9"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task While_the_store_is_away_what_arrives_waits_and_the_log_is_asked_again()
    {
        var asked = 0;
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", Task<GetEventsReply> (_) =>
        {
            Interlocked.Increment(ref asked);
            throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Unavailable, "the store is away"));
        });

        await _node.TellEventsAsync("lobby", TestNode.Message(7));
        await _node.SettledAsync();
        await AdvanceUntilAsync(() => Volatile.Read(ref asked) >= 3, "the log is asked three times");
        await _node.TellEventsAsync("lobby", TestNode.Message(8));
        await _node.SettledAsync();
        await ana.HasNothingMoreAsync();
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request =>
            new GetEventsReply { LastSeq = 8, Events = TestNode.Entries("lobby", TestNode.Message(request.FromSeq)) });
        var reading = ana.MessagesAsync(3);
        await AdvanceUntilAsync(() => reading.IsCompleted, "the members get what was missing and what waited");

        Assert.Equal(["m6", "m7", "m8"], await reading);
    }

    [Fact]
    public async Task What_the_log_does_not_hold_any_more_is_told_as_a_gap()
    {
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", _ =>
            new GetEventsReply { LastSeq = 9, Events = TestNode.Entries("lobby", TestNode.Message(9)) });
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", TestNode.Message(9));
        await _node.SettledAsync();
        _node.Time.Advance(GapRepair.Patience);

        var gap = await ana.NextAsync("gap", "the gap is told");
        Assert.Equal((6, 8), (gap.Number("from_seq"), gap.Number("to_seq")));
        Assert.Equal(["m9"], await ana.MessagesAsync(1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_may_have_been_put_out_by_what_cannot_be_read_is_asked_for(bool isEmpty)
    {
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", Task<GetEventsReply> (_) => isEmpty
            ? Task.FromResult(new GetEventsReply { LastSeq = 7, Events = TestNode.Entries("lobby", TestNode.Message(7)) })
            : throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Internal, "the entry is broken")));
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", TestNode.Message(7));
        await _node.SettledAsync();
        var gap = bruno.NextAsync("gap", "what is missing");
        await AdvanceUntilAsync(() => gap.IsCompleted, "what is missing");
        Assert.Equal(6, (await gap).Number("to_seq"));
        for (var asked = 0; asked < 2; asked++)
        {
            var join = await _node.CommandAsync(Command.BodyOneofCase.Join);
            Assert.True(join.Join.Stays);
            if (join.Actor.UserId == "ana")
            {
                await _node.AdmitAsync(join, seq: 7);
            }
            else
            {
                await _node.ReplyAsync(join, reply => reply.Refused = new Refusal { Code = ErrorCode.Banned });
            }
        }

        Assert.Equal(["m7"], await bruno.MessagesAsync(1));
        Assert.Equal(40304, (await bruno.NextAsync("error", "why")).Code);
        await bruno.NextAsync("left", "the end");
        await _node.TellEventsAsync("lobby", TestNode.Message(8));
        await ana.NextAsync("gap", "what is missing");
        Assert.Equal(["m7", "m8"], await ana.MessagesAsync(2));
        await bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_sender_hears_of_its_message_before_everybody_sees_it()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await ana.SayAsync("lobby", "hola", "c1", "r1");
        var send = await _node.CommandAsync(Command.BodyOneofCase.Send);
        await _node.TellEventsAsync("lobby", _node.Stored(send, 6));

        var sent = await ana.NextAsync("message_sent", "the acknowledgement");
        Assert.Equal("r1", sent.Ref);
        Assert.Equal(send.Send.MessageId, sent.Text("message_id"));
        Assert.Equal(send.Send.MessageId, sent.Root.GetProperty("message_id").GetString());
        Assert.Equal(sent.Text("timestamp"), sent.Root.GetProperty("timestamp").GetString());
        Assert.Equal(("c1", 6L, false), (sent.Text("client_msg_id"), sent.Number("seq"), sent.Flag("duplicate")));
        var message = await ana.NextAsync("message", "the message");
        Assert.Equal(("hola", "ana", "c1"), (message.Text("content"), message.Text("user_id"), message.Text("client_msg_id")));
    }

    [Fact]
    public async Task A_message_whose_event_was_lost_is_acknowledged_when_it_is_read_from_the_log()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await ana.SayAsync("lobby", "hola", "c1");
        var send = await _node.CommandAsync(Command.BodyOneofCase.Send);
        var fromLog = _node.Stored(send, 6);
        (fromLog.OriginNodeId, fromLog.CommandId) = ("", 0);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", _ =>
            new GetEventsReply { LastSeq = 7, Events = TestNode.Entries("lobby", fromLog, TestNode.Message(7)) });

        await _node.TellEventsAsync("lobby", TestNode.Message(7));
        await _node.SettledAsync();
        _node.Time.Advance(GapRepair.Patience);

        Assert.Equal(6, (await ana.NextAsync("message_sent", "the acknowledgement")).Number("seq"));
        Assert.Equal(["hola", "m7"], await ana.MessagesAsync(2));
    }

    [Fact]
    public async Task A_slow_reader_is_told_the_gap_and_goes_on()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 0);
        var large = new string('x', 60_000);
        ana.Stream.Stall();

        for (var seq = 1; seq <= 20; seq++)
        {
            await _node.TellEventsAsync("lobby", TestNode.Message(seq, content: large));
        }

        await _node.SettledAsync();
        ana.Stream.Resume();
        var seen = 0;
        var frame = await ana.NextAsync();
        for (; frame.Type == "message"; frame = await ana.NextAsync())
        {
            Assert.Equal(++seen, frame.Number("seq"));
        }

        Assert.InRange(seen, 4, 6); // The soft limit, and what was being written.
        Assert.Equal("gap", frame.Type);
        Assert.Equal((seen + 1, 20), (frame.Number("from_seq"), frame.Number("to_seq")));
        await _node.TellEventsAsync("lobby", TestNode.Message(21));
        Assert.Equal(["m21"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task Another_epoch_makes_clients_drop_their_positions()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await _node.TellAsync(new NodeBatch { Rooms = { new RoomEvents { RoomId = "lobby", Epoch = "e2", Events = { TestNode.Message(2) } } } });

        Assert.Equal(4005, (await Eventually.CompletesAsync(ana.Stream.Closed, "the client is closed")).Code);
    }

    [Fact]
    public async Task All_that_a_batch_has_for_a_client_is_one_write()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await ana.SayAsync("lobby", "hola");
        var send = await _node.CommandAsync(Command.BodyOneofCase.Send);
        var writes = 0;
        ana.Stream.OnWrite = () => writes++;

        await _node.TellEventsAsync("lobby", _node.Stored(send, 6), TestNode.Message(7), TestNode.Message(8));

        await ana.NextAsync("message_sent", "the acknowledgement");
        Assert.Equal(["hola", "m7", "m8"], await ana.MessagesAsync(3));
        Assert.Equal(1, writes);
    }

    [Fact]
    public async Task No_socket_is_written_to_under_the_lock_of_its_room()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        var room = _node.Hub.Find("lobby")!;
        var (writes, locked) = (0, false);
        ana.Stream.OnWrite = OnWrite;

        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await ana.NextAsync("message", "an event");
        await bruno.TypeAsync("lobby", isTyping: true);
        await ana.NextAsync("typing", "typing begins");
        _node.Time.Advance(TimeSpan.FromSeconds(8));
        await ana.NextAsync("typing", "typing ends");
        await _node.TellAsync(new NodeBatch { Presence = { new RoomPresenceChange { RoomId = "lobby", CountsOnly = true, Online = 2 } } });
        await ana.NextAsync("online_count", "a count");
        await ana.SayAsync("lobby", "hola");
        var send = await _node.CommandAsync(Command.BodyOneofCase.Send);
        await _node.ReplyAsync(send, reply => reply.Refused = new Refusal { Code = ErrorCode.Forbidden });
        await ana.NextAsync("error", "a refusal");
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 6 });
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 6);
        await ana.NextAsync("joined", "ana enters again");
        await ana.SayAsync("lobby", "hola");
        _node.Time.Advance(TimeSpan.FromSeconds(11));
        await ana.NextAsync("error", "nobody answers in time");

        Assert.Equal(7, writes);
        Assert.False(locked);

        void OnWrite()
        {
            writes++;
            locked |= room.Gate.IsHeldByCurrentThread;
        }
    }

    [Fact]
    public async Task Nothing_is_allocated_per_recipient()
    {
        var few = await RoomWithMembersAsync("room-a", 1);
        var many = await RoomWithMembersAsync("room-b", 200);
        Deliver(few, 1);
        Deliver(many, 1);

        var forFew = Deliver(few, 2);
        var forMany = Deliver(many, 2);

        Assert.Equal(forFew, forMany);
    }

    private static long Deliver(RoomBinding room, long seq)
    {
        var entries = TestNode.Entries(room.RoomId, TestNode.Message(seq));
        var before = GC.GetAllocatedBytesForCurrentThread();
        room.OnEvents(entries);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    // Members whose sockets take nothing: what is measured is the room's work alone.
    private async Task<RoomBinding> RoomWithMembersAsync(string roomId, int count)
    {
        RoomBinding room = null!;
        for (var index = 0; index < count; index++)
        {
            var client = _node.NewClient(new Connections.Sessions.SessionOpening(null, null, null, null, null));
            client.Stream.Stall();
            client.Session.Send(new Tertulia.Connections.Events.PongEvent("busy", _node.Time.GetUtcNow()));
            var member = _node.Hub.Enter(client.Session, roomId, $"user-{index}");
            room = member.Room;
            room.SetBase(TestNode.Epoch, 0, 0, ownerEpoch: 1);
            lock (room.Gate)
            {
                member.GoLive(null, 0);
            }
        }

        await _node.SettledAsync();
        return room;
    }

    private async Task AdvanceUntilAsync(Func<bool> condition, string what) => await Eventually.HoldsAsync(() =>
    {
        _node.Time.Advance(TimeSpan.FromSeconds(1));
        return condition();
    }, what);
}
