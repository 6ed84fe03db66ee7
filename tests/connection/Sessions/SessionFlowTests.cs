using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Sessions;

public sealed class SessionFlowTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(("Limits:RoomsPerConnection", "2"));

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_ping_is_answered_with_its_ref()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(new PingCommand { Ref = "p1" });

        Assert.Equal("p1", (await ana.NextAsync("pong", "the answer")).Ref);
    }

    [Fact]
    public async Task Without_a_token_nothing_else_is_answered()
    {
        var nobody = _node.NewClient(new SessionOpening(null, "lobby", null, null, null));
        await nobody.OpenAsync();

        await nobody.SayAsync("lobby", "hola", reference: "m1");

        var error = await nobody.NextAsync("error", "the refusal");
        Assert.Equal((40101, "m1"), (error.Code, error.Ref));
        Assert.False(_node.TryReadCommand(out _));
    }

    [Fact]
    public async Task A_wrong_token_ends_a_session_that_is_nobody()
    {
        var nobody = _node.NewClient(new SessionOpening(null, null, null, null, null));
        await nobody.OpenAsync();

        await nobody.SendAsync(new AuthCommand { Token = "wrong" });

        Assert.Equal(40102, (await nobody.NextAsync("error", "the refusal")).Code);
        Assert.Equal(4501, (await Eventually.CompletesAsync(nobody.Stream.Closed, "the close frame")).Code);
    }

    [Fact]
    public async Task A_wrong_token_leaves_a_session_that_is_somebody_alone()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(new AuthCommand { Token = "wrong", Ref = "a1" });

        Assert.Equal("a1", (await ana.NextAsync("error", "the refusal")).Ref);
        await ana.HasNothingMoreAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_message_without_content_is_invalid(string? content)
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 1);

        await ana.SendAsync(new MessageCommand { RoomId = "lobby", Content = content, Ref = "m1" });

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40004, "Invalid message", "m1"), (error.Code, error.Text("message"), error.Ref));
    }

    [Fact]
    public async Task Content_may_have_as_many_characters_as_the_limit()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 1);

        await ana.SayAsync("lobby", new string('x', 1000));
        await ana.SayAsync("lobby", new string('x', 1001));

        Assert.Equal(1000, (await _node.CommandAsync(Command.BodyOneofCase.Send)).Send.Content.Length);
        Assert.Equal(40004, (await ana.NextAsync("error", "the refusal")).Code);
    }

    [Fact]
    public async Task Characters_are_counted_as_the_message_service_counts_them()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 1);

        await ana.SayAsync("lobby", string.Concat(Enumerable.Repeat("😀", 1000)));
        await ana.SayAsync("lobby", string.Concat(Enumerable.Repeat("😀", 1001)));

        Assert.Equal(2000, (await _node.CommandAsync(Command.BodyOneofCase.Send)).Send.Content.Length);
        Assert.Equal(40004, (await ana.NextAsync("error", "the refusal")).Code);
    }

    [Fact]
    public async Task Nobody_writes_to_a_room_it_has_not_joined_on_this_socket()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SayAsync("lobby", "hola");

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40302, "lobby"), (error.Code, error.Root.GetProperty("room_id").GetString()));
    }

    [Fact]
    public async Task A_frame_without_a_room_is_refused_where_the_url_names_none()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(new MessageCommand { Content = "hola" });

        Assert.Equal(40001, (await ana.NextAsync("error", "the refusal")).Code);
    }

    [Fact]
    public async Task Rooms_of_one_socket_are_limited()
    {
        var ana = await _node.JoinedAsync("ana", "r1", seq: 1);
        await ana.JoinAsync("r2");

        await ana.JoinAsync("r3", reference: "j3");
        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((42902, "j3"), (error.Code, error.Ref));

        await ana.SendAsync(new LeaveCommand { RoomId = "r1" });
        await ana.NextAsync("left", "the answer");
        await ana.JoinAsync("r3");
        string[] entered = // Of two partitions, in whatever order.
            [(await _node.CommandAsync(Command.BodyOneofCase.Join)).RoomId, (await _node.CommandAsync(Command.BodyOneofCase.Join)).RoomId];
        Assert.Equal(["r2", "r3"], entered.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_duplicate_is_told_as_one_with_the_first_result()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 7);

        await ana.SayAsync("lobby", "hola", "c1", "m1");
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Send), reply => reply.Stored =
            new Stored { MessageId = "first", ClientMsgId = "c1", Seq = 5, CreatedAtMs = 1_900_000_000_000, Duplicate = true });

        var sent = await ana.NextAsync("message_sent", "the answer");
        Assert.Equal(("first", 5L, true, "m1"), (sent.Text("message_id"), sent.Number("seq"), sent.Flag("duplicate"), sent.Ref));
    }

    [Fact]
    public async Task A_batch_that_went_twice_is_no_duplicate_of_the_clients()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 7);

        await ana.SayAsync("lobby", "hola");
        var send = await _node.CommandAsync(Command.BodyOneofCase.Send);
        await _node.ReplyAsync(send, reply => reply.Stored = new Stored { MessageId = send.Send.MessageId, Seq = 8, Duplicate = true });

        Assert.False((await ana.NextAsync("message_sent", "the answer")).Flag("duplicate"));
    }

    [Fact]
    public async Task A_refused_message_is_answered_with_the_reason()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 7);

        await ana.SayAsync("lobby", "hola", reference: "m1");
        await _node.ReplyAsync(
            await _node.CommandAsync(Command.BodyOneofCase.Send), reply => reply.Refused = new Refusal { Code = ErrorCode.Muted, Detail = "until noon" });

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40303, "until noon", "m1"), (error.Code, error.Text("message"), error.Ref));
    }

    [Fact]
    public async Task Events_of_a_user_are_limited_and_a_flood_ends_the_session()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 7);

        for (var index = 0; index < 21; index++)
        {
            await ana.SayAsync("lobby", "hola");
        }

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((42901, "Rate limit exceeded"), (error.Code, error.Text("message")));
        Assert.True(error.Number("retry_after_ms") > 0);
        for (var index = 0; index < 600 && !ana.Session.Outbox.IsClosing; index++)
        {
            await ana.SayAsync("lobby", "hola");
        }

        Assert.Equal(4007, (await Eventually.CompletesAsync(ana.Stream.Closed, "the close frame")).Code);
    }

    [Fact]
    public async Task Who_pings_without_end_is_told_so_before_it_is_closed()
    {
        var ana = await _node.ConnectAsync("ana");

        for (var index = 0; index < 501; index++)
        {
            await ana.SendAsync(new PingCommand());
        }

        for (var index = 0; index < 500; index++)
        {
            await ana.NextAsync("pong", "an answer");
        }

        Assert.Equal(42901, (await ana.NextAsync("error", "the refusal")).Code);
        for (var index = 1; index < 500; index++)
        {
            await ana.SendAsync(new PingCommand());
            await ana.NextAsync("error", "the refusal");
        }

        Assert.False(ana.Session.Outbox.IsClosing);
        await ana.SendAsync(new PingCommand());
        Assert.Equal(4007, (await Eventually.CompletesAsync(ana.Stream.Closed, "the close frame")).Code);
    }

    [Fact]
    public async Task A_page_of_history_comes_with_the_ref_of_its_frame()
    {
        GetHistoryRequest? asked = null;
        _node.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", request =>
        {
            asked = request;
            return new HistoryPage { Epoch = TestNode.Epoch, HasMore = true, Messages = { new Message { MessageId = "id-1", Seq = 1, Content = "hola" } } };
        });
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 7);

        await ana.SendAsync(new HistoryCommand { RoomId = "lobby", BeforeSeq = 5, Limit = 10, Ref = "h1" });

        var page = await ana.NextAsync("history", "the page");
        Assert.Equal(("h1", true), (page.Ref, page.Flag("has_more")));
        Assert.Equal("hola", Assert.Single(page.Messages("items")).Content);
        Assert.Equal((5, 10, "ana"), (asked!.BeforeSeq, asked.Limit, asked.Actor.UserId));
    }

    [Fact]
    public async Task Without_the_message_service_history_is_unavailable_in_the_end()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 7);

        await ana.SendAsync(new HistoryCommand { RoomId = "lobby", Ref = "h1" });

        var refusal = ana.NextAsync("error", "the refusal");
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            return refusal.IsCompleted;
        }, "patience ends");
        var error = await refusal;
        Assert.Equal((50301, "h1", true), (error.Code, error.Ref, error.Flag("temporary")));
    }

    [Theory]
    [InlineData(4096, false)]
    [InlineData(4097, true)]
    public async Task Metadata_has_at_most_4_KiB(int bytes, bool refused)
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 1);
        var metadata = System.Text.Encoding.UTF8.GetBytes($$"""{"a":"{{new string('x', bytes - 8)}}"}""");
        Assert.Equal(bytes, metadata.Length);

        await ana.SendAsync(new MessageCommand { RoomId = "lobby", Content = "hola", Metadata = metadata, Ref = "m1" });

        if (refused)
        {
            var error = await ana.NextAsync("error", "the refusal");
            Assert.Equal((40005, "m1"), (error.Code, error.Ref));
        }
        else
        {
            Assert.Equal(bytes, (await _node.CommandAsync(Command.BodyOneofCase.Send)).Send.Metadata.Length);
        }
    }

    [Fact]
    public async Task A_user_with_many_rooms_is_greeted_in_pages_that_fit()
    {
        const int Rooms = 14_000;
        _node.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", request =>
        {
            var start = request.AfterRoomId.Length == 0 ? 0 : int.Parse(request.AfterRoomId.AsSpan(5), System.Globalization.CultureInfo.InvariantCulture) + 1;
            var page = Enumerable.Range(start, Math.Min(1000, Rooms - start)).Select(room => new RoomSummary { RoomId = $"room-{room:00000}", Epoch = "e", Seq = room });
            return new ListRoomsReply { Rooms = { page }, HasMore = start + 1000 < Rooms };
        });
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), null, null, null, null));
        await ana.OpenAsync();

        var frame = await ana.NextAsync("connected", "the greeting");
        Assert.True(frame.Flag("rooms_has_more"));
        var told = RoomsOf(frame);
        for (var hasMore = true; hasMore; hasMore = frame.Flag("has_more"))
        {
            frame = await ana.NextAsync("rooms", "more rooms");
            Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(frame.Root.GetRawText()), 1, 64 * 1024);
            told.AddRange(RoomsOf(frame));
        }

        Assert.Equal(Enumerable.Range(0, Rooms).Select(room => $"room-{room:00000}"), told);

        static List<string?> RoomsOf(Tertulia.Testing.Frame frame) =>
            [.. frame.Root.GetProperty("data").GetProperty("rooms").EnumerateArray().Select(room => room.GetProperty("room_id").GetString())];
    }

    [Fact]
    public async Task A_client_that_enters_128_rooms_and_reads_slowly_enters_them_all()
    {
        await using var node = await TestNode.StartAsync(("Limits:EventsPerMinute", "0"));
        node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request => new Snapshot
        {
            Epoch = TestNode.Epoch,
            Seq = 50,
            Messages = { Enumerable.Range(1, 50).Select(seq => new Message { MessageId = $"{seq}", Seq = seq, Content = new string('x', 1000) }) },
        });
        var ana = await node.ConnectAsync("ana");
        ana.Stream.Stall();
        for (var room = 0; room < 128; room++)
        {
            await ana.JoinAsync($"room-{room}", reference: $"{room}");
        }

        for (var room = 0; room < 128; room++)
        {
            await node.AdmitAsync(await node.CommandAsync(Command.BodyOneofCase.Join), seq: 50);
        }

        await Eventually.HoldsAsync(() => ana.Session.Outbox.WaitingBytes > 100_000, "answers wait");
        Assert.InRange(ana.Session.Outbox.WaitingBytes, 1, 256 * 1024);
        ana.Stream.Resume();

        var entered = new HashSet<string?>();
        for (var room = 0; room < 128; room++)
        {
            entered.Add((await ana.NextAsync("joined", $"room {room} is entered")).Ref);
        }

        Assert.Equal(128, entered.Count);
        Assert.False(ana.Session.Outbox.IsClosing);
    }
}
