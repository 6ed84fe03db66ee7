using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

public sealed class JoinTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task The_room_of_the_url_is_shown_in_the_greeting()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request => new Snapshot
        {
            Epoch = TestNode.Epoch,
            Seq = 6,
            Members = 2,
            Messages = { Shown(4), Shown(6) },
        });
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => new RoomPresence
        {
            Online = 1,
            Users = { new PresentUser { UserId = "bruno", Username = "Bruno", Status = "online" } },
        });
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), "lobby", null, null, null));

        await ana.OpenAsync();
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 6);

        var connected = await ana.NextAsync("connected", "the greeting");
        Assert.Equal(("lobby", ana.Session.ConnectionId), (connected.Text("room_id"), connected.Text("connection_id")));
        Assert.Equal(["bruno", "ana"], connected.Items("active_users").Select(user => user.GetProperty("user_id").GetString()));
        Assert.Equal([4, 6], connected.Messages("history").Select(message => message.Seq));
        var room = Assert.Single(connected.Items("rooms"));
        Assert.Equal(("lobby", 6), (room.GetProperty("room_id").GetString(), room.GetProperty("seq").GetInt64()));
        Assert.Equal(25_000, connected.Number("heartbeat_ms"));
    }

    [Fact]
    public async Task What_happens_while_a_member_enters_follows_the_snapshot_without_gap_or_repetition()
    {
        var snapshot = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => snapshot.Task);
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", reference: "j1");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await _node.TellEventsAsync("lobby", TestNode.Message(6), TestNode.Message(7), TestNode.Message(8));
        await _node.SettledAsync();
        await ana.HasNothingMoreAsync();
        snapshot.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 7, Messages = { Shown(6), Shown(7) } });

        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal("j1", joined.Ref);
        Assert.Equal((7, TestNode.Epoch), (joined.Seq, joined.Epoch));
        Assert.Equal([6, 7], joined.Messages("history").Select(message => message.Seq));
        Assert.Equal(["m8"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task A_snapshot_ahead_of_the_live_events_hides_those_that_are_in_it()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 7 });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await ana.NextAsync("joined", "the answer");
        await _node.TellEventsAsync("lobby", TestNode.Message(6), TestNode.Message(7), TestNode.Message(8));

        Assert.Equal(["m8"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task A_resuming_client_gets_what_it_missed_and_no_history()
    {
        GetSnapshotRequest? asked = null;
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request =>
        {
            asked = request;
            var snapshot = new Snapshot { Epoch = TestNode.Epoch, Seq = 205, Recovered = true };
            snapshot.Messages.Add(Enumerable.Range(6, 200).Select(seq => Shown(seq, new string('x', 500))));
            return snapshot;
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", new Position { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 205);

        var joined = await ana.NextAsync("joined", "the answer");
        var seqs = joined.Messages("history").Select(message => message.Seq).ToList();
        Assert.True(joined.Flag("recovered"));
        Assert.InRange(seqs.Count, 10, 199); // As many as fit into one frame.
        while (seqs.Count < 200)
        {
            var next = ana.NextAsync("message", "the rest of what was missed");
            await Eventually.HoldsAsync(() =>
            {
                _node.Time.Advance(TimeSpan.FromMilliseconds(20)); // The pace at which the node looks whether the client reads.
                return next.IsCompleted;
            }, "the rest of what was missed");
            seqs.Add((await next).Number("seq"));
        }

        Assert.Equal(Enumerable.Range(6, 200).Select(seq => (long)seq), seqs);
        Assert.Equal(5, asked?.Since.Seq);
        await _node.TellEventsAsync("lobby", TestNode.Message(206));
        Assert.Equal(["m206"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task Who_enters_is_told_the_settings_and_its_own_place()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot
        {
            Epoch = TestNode.Epoch,
            Seq = 6,
            Settings = new RoomSettings { Kind = "open", Name = "Lobby", SlowModeSeconds = 5 },
            Reader = new ListedMember { UserId = "ana", Role = "moderator", Muted = true },
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 6);

        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal("""{"kind":"public","name":"Lobby","slow_mode":5,"archived":false,"retention_days":0}""", joined.Data.GetProperty("settings").GetRawText());
        Assert.Equal("""{"role":"moderator","muted":true}""", joined.Data.GetProperty("me").GetRawText());
        Assert.False(joined.Data.TryGetProperty("member_changes", out _));
    }

    [Fact]
    public async Task A_resuming_client_is_told_what_changed_of_members_and_settings_in_order_among_the_messages()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot
        {
            Epoch = TestNode.Epoch,
            Seq = 10,
            Recovered = true,
            Messages = { Shown(6), Shown(8, new string('x', 62_000)), Shown(10) },
            Changes = { Member(7, "bruno", "moderator"), Updated(9, "Lobby") },
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", new Position { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 10);

        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal(8, joined.Seq); // All up to there is in it: a client that is cut now resumes there.
        Assert.Equal([6, 8], joined.Messages("history").Select(message => message.Seq));
        Assert.Equal([("bruno", "moderator")], joined.Items("member_changes").Select(item => (item.GetProperty("user_id").GetString(), item.GetProperty("role").GetString())));
        var updated = ana.NextAsync("room_updated", "the settings");
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromMilliseconds(20));
            return updated.IsCompleted;
        }, "the settings");
        Assert.Equal((9, "Lobby"), ((await updated).Seq, (await updated).Text("name")));
        Assert.Equal(10, (await ana.NextAsync("message", "the rest")).Seq);
    }

    [Fact]
    public async Task Users_that_are_too_many_bytes_for_the_answer_follow_it()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 6, Messages = { Shown(6) } });
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => new RoomPresence
        {
            Online = 150,
            Users = { Enumerable.Range(100, 150).Select(number => new PresentUser { UserId = $"user-{number}", Username = "User", Status = "online", Text = string.Concat(Enumerable.Repeat("😀", 70)) }) },
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 6);

        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal((0, 151L), (joined.Items("active_users").Count, joined.Number("count")));
        var users = new List<string?>();
        for (var hasMore = true; hasMore;)
        {
            var next = ana.NextAsync("presence_state", "the users");
            await Eventually.HoldsAsync(() =>
            {
                _node.Time.Advance(TimeSpan.FromMilliseconds(20));
                return next.IsCompleted;
            }, "the users");
            Assert.InRange((await next).Raw.Length, 1, ServerEvent.MaxBytes);
            users.AddRange((await next).Items("users").Select(user => user.GetProperty("user_id").GetString()));
            hasMore = (await next).Flag("has_more");
        }

        Assert.Equal([.. Enumerable.Range(100, 150).Select(number => $"user-{number}"), "ana"], users);
    }

    [Fact]
    public async Task A_gap_that_is_too_large_to_resume_is_told()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot
        {
            Epoch = TestNode.Epoch, Seq = 900, Messages = { Shown(900) }, Gap = new Gap { FromSeq = 6, ToSeq = 899 },
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", new Position { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 900);

        Assert.False((await ana.NextAsync("joined", "the answer")).Flag("recovered"));
        var gap = await ana.NextAsync("gap", "the gap");
        Assert.Equal((6, 899), (gap.Number("from_seq"), gap.Number("to_seq")));
    }

    [Fact]
    public async Task A_gap_reaches_up_to_what_fits_into_the_answer()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot
        {
            Epoch = TestNode.Epoch, Seq = 900, Gap = new Gap { FromSeq = 6, ToSeq = 850 },
            Messages = { Enumerable.Range(851, 50).Select(seq => Shown(seq, new string('m', 4_000))) },
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", new Position { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 900);

        var shown = (await ana.NextAsync("joined", "the answer")).Data.GetProperty("history").EnumerateArray().Select(item => item.GetProperty("seq").GetInt64()).ToArray();
        Assert.InRange(shown.Length, 2, 49);
        Assert.Equal(900, shown[^1]);
        var gap = await ana.NextAsync("gap", "the gap");
        Assert.Equal((6, shown[0] - 1), (gap.Number("from_seq"), gap.Number("to_seq")));
    }

    [Fact]
    public async Task A_message_sent_right_after_the_join_is_acknowledged_after_the_answer_to_it()
    {
        var ana = await _node.ConnectAsync("ana");
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 1 });

        await ana.JoinAsync("lobby");
        await ana.SayAsync("lobby", "hola");
        var join = await _node.CommandAsync(Command.BodyOneofCase.Join);
        var send = await _node.CommandAsync(Command.BodyOneofCase.Send);
        var reply = new CommandReply { CommandId = join.CommandId, RoomId = "lobby", Joined = new Joined { Epoch = TestNode.Epoch, Seq = 1 } };
        await _node.TellAsync(new NodeBatch { Replies = { reply }, Rooms = { TestNode.Entries("lobby", _node.Stored(send, 2)) } });

        await ana.NextAsync("joined", "the answer");
        await ana.NextAsync("message_sent", "the acknowledgement");
        Assert.Equal(["hola"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task A_refused_join_is_answered_and_the_session_stays()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", reference: "j1");
        await _node.ReplyAsync(
            await _node.CommandAsync(Command.BodyOneofCase.Join), reply => reply.Refused = new Refusal { Code = ErrorCode.RoomNotFound });

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40401, "j1"), (error.Code, error.Ref));
        await ana.SayAsync("lobby", "hola");
        Assert.Equal(40302, (await ana.NextAsync("error", "not a member")).Code);
        Assert.Equal(0, _node.Hub.Find("lobby")?.LocalCount);
    }

    [Theory]
    [InlineData(ErrorCode.Banned, 4503)]
    [InlineData(ErrorCode.RoomNotFound, 1000)]
    [InlineData(ErrorCode.RateLimited, 4007)]
    [InlineData(ErrorCode.Internal, 4000)]
    public async Task Refused_in_the_room_of_the_url_the_session_ends(ErrorCode code, int close)
    {
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), "lobby", null, null, null));

        await ana.OpenAsync();
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), reply => reply.Refused = new Refusal { Code = code });

        Assert.Equal((int)code, (await ana.NextAsync("error", "the refusal")).Code);
        Assert.Equal(close, (await Eventually.CompletesAsync(ana.Stream.Closed, "the close frame")).Code);
    }

    [Fact]
    public async Task Joining_again_shows_the_room_again_and_loses_nothing()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var snapshot = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => snapshot.Task);

        await ana.JoinAsync("lobby");
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 6);
        await _node.TellEventsAsync("lobby", TestNode.Message(7));
        await _node.SettledAsync();
        snapshot.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 6 });

        Assert.Equal(6, (await ana.NextAsync("joined", "the answer")).Seq);
        Assert.Equal(["m7"], await ana.MessagesAsync(1));
        Assert.Equal(1, _node.Hub.Find("lobby")!.LocalCount);
    }

    [Fact]
    public async Task A_session_that_ends_in_the_middle_of_a_join_leaves_nothing_behind()
    {
        var snapshot = new TaskCompletionSource<Snapshot>();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ =>
        {
            asked.TrySetResult();
            return snapshot.Task;
        });
        var ana = await _node.ConnectAsync("ana");
        var bruno = await _node.ConnectAsync("bruno");
        await ana.JoinAsync("lobby");
        await bruno.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await Eventually.CompletesAsync(asked.Task, "the snapshot is asked for");

        await Eventually.CompletesAsync(ana.GoAsync(), "the session that waits for its snapshot ends");
        await Eventually.CompletesAsync(bruno.GoAsync(), "the session that waits for its admission ends");

        Assert.Equal(0, _node.Hub.Find("lobby")!.LocalCount);
        Assert.Equal(0, _node.Of<SessionRegistry>().Count);
    }

    [Fact]
    public async Task Without_presence_the_users_of_this_node_are_shown()
    {
        await _node.JoinedAsync("bruno", "lobby", seq: 5);
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", Task<RoomPresence> (_) =>
            throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Unavailable, "away")));
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal(["bruno", "ana"], joined.Items("active_users").Select(user => user.GetProperty("user_id").GetString()));
    }

    [Fact]
    public async Task Who_leaves_hears_nothing_more_and_is_reported()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await ana.SendAsync(new LeaveCommand { RoomId = "lobby", Ref = "l1" });
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _node.SettledAsync();

        Assert.Equal("l1", (await ana.NextAsync("left", "the answer")).Ref);
        await ana.HasNothingMoreAsync();
        await ana.SayAsync("lobby", "hola");
        Assert.Equal(40302, (await ana.NextAsync("error", "not a member")).Code);
    }

    [Fact]
    public async Task A_room_that_nobody_came_back_to_is_unsubscribed_and_one_that_somebody_did_is_not()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await ana.SendAsync(new LeaveCommand { RoomId = "lobby" });

        _node.Time.Advance(Subscriptions.Linger - TimeSpan.FromSeconds(2));
        Assert.NotNull(_node.Hub.Find("lobby"));
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            return _node.Hub.Find("lobby") is null;
        }, "the room is given up");

        Assert.Equal("lobby", (await _node.CommandAsync(Command.BodyOneofCase.Unsubscribe)).RoomId);
    }

    [Fact]
    public async Task A_new_owner_of_the_partition_is_told_of_the_node_again_and_what_was_missed_is_read()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request =>
            new GetEventsReply { LastSeq = 6, Events = TestNode.Entries("lobby", TestNode.Message(6)) });

        await _node.OwnAsync(1);
        await _node.OwnAsync(2);
        var subscribe = await _node.CommandAsync(Command.BodyOneofCase.Subscribe);
        await _node.ReplyAsync(subscribe, reply =>
            reply.Subscribed = new Subscribed { Epoch = TestNode.Epoch, Seq = 6, OwnerEpoch = 2, Members = 1 });

        Assert.Equal(5, subscribe.Subscribe.LastSeq);
        Assert.Equal(["m6"], await ana.MessagesAsync(1));
        await _node.OwnAsync(2);
        await _node.SettledAsync();
        Assert.False(_node.TryReadCommand(out _));
    }

    [Fact]
    public async Task After_the_nodes_queue_was_lost_every_room_is_subscribed_again()
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        await _node.JoinedAsync("ana", "kitchen", seq: 3);

        await _node.Of<NodeInbox>().RestoredAsync();

        string[] rooms = [(await _node.CommandAsync(Command.BodyOneofCase.Subscribe)).RoomId, (await _node.CommandAsync(Command.BodyOneofCase.Subscribe)).RoomId];
        Assert.Equal(["kitchen", "lobby"], rooms.Order(StringComparer.Ordinal));
    }

    private static RoomEvent Member(long seq, string userId, string role) =>
        new() { Seq = seq, UserId = "zoe", Member = new MemberChanged { UserId = userId, Role = role, Members = 2, Action = MemberAction.SetRole } };

    private static RoomEvent Updated(long seq, string name) =>
        new() { Seq = seq, UserId = "zoe", RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "open", Name = name }, Changed = { "name" } } };

    private static Message Shown(long seq, string? content = null) => new()
    {
        MessageId = $"id-{seq}", Seq = seq, UpdatedSeq = seq, UserId = "zoe", Username = "Zoe", Content = content ?? $"m{seq}", CreatedAtMs = 1_900_000_000_000,
    };
}
