using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Verbs;

public sealed class ReadTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_mark_goes_to_the_rooms_writer_and_its_ref_is_answered()
    {
        var ana = await _node.ConnectAsync("ana"); // Need not be in the room.

        await ana.SendAsync(Read("""{"type":"read","room_id":"lobby","seq":7,"ref":"r1"}"""));
        var command = await _node.CommandAsync(Command.BodyOneofCase.Read);
        Assert.Equal(("lobby", "ana", new ReadRoom { Seq = 7 }), (command.RoomId, command.Actor.UserId, command.Read));
        await _node.ReplyAsync(command, reply => reply.Marked = Marked(7, unread: 3, lastSeq: 12));

        var answer = await ana.NextAsync("unread", "the answer");
        Assert.Equal(("r1", "lobby", 7L, 3L, 12L),
            (answer.Ref, answer.Text("room_id"), answer.Number("read_seq"), answer.Number("unread"), answer.Number("last_seq")));
    }

    [Fact]
    public async Task Unread_from_a_message_on_is_an_exact_mark_before_it()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 12);

        await ana.SendAsync(Read("""{"type":"mark_unread","room_id":"lobby","seq":7}"""));

        Assert.Equal(new ReadRoom { Seq = 6, Exact = true }, (await _node.CommandAsync(Command.BodyOneofCase.Read)).Read);
    }

    [Fact]
    public async Task Who_is_invisible_reads_without_the_others_being_told()
    {
        var ana = await _node.ConnectAsync("ana");
        await _node.TellAsync(new NodeBatch { Chosen = { new ChosenStatus { UserId = "ana", Status = "invisible", Stamp = 1 } } });
        await _node.SettledAsync();

        await ana.SendAsync(Read("""{"type":"read","room_id":"lobby","seq":7}"""));

        Assert.Equal(new ReadRoom { Seq = 7, Quiet = true }, (await _node.CommandAsync(Command.BodyOneofCase.Read)).Read);
    }

    [Fact]
    public async Task Who_may_be_invisible_reads_without_the_others_being_told()
    {
        var ana = await _node.ConnectAsync("ana", isKnown: false);

        await ana.SendAsync(Read("""{"type":"read","room_id":"lobby","seq":7}"""));

        Assert.True((await _node.CommandAsync(Command.BodyOneofCase.Read)).Read.Quiet);
    }

    [Fact]
    public async Task All_devices_of_the_user_hear_of_the_mark_and_all_others_of_the_receipt()
    {
        var phone = await _node.JoinedAsync("ana", "lobby", seq: 12);
        var laptop = await _node.ConnectAsync("ana"); // Shows a list of rooms.
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 12);

        await _node.TellAsync(new NodeBatch
        {
            UserEvents = { new UserEvent { UserId = "ana", Unread = new RoomUnread { RoomId = "lobby", Mark = Marked(7, unread: 3, lastSeq: 12) } } },
            Ephemerals =
            {
                new Ephemeral { RoomId = "lobby", UserId = "ana", ReadReceipt = new ReadReceipt { Seq = 7 } },
            },
        });

        Assert.Equal(3, (await phone.NextAsync("unread", "the phone hears of it")).Number("unread"));
        Assert.Equal(3, (await laptop.NextAsync("unread", "the laptop hears of it")).Number("unread"));
        var receipt = await bruno.NextAsync("read_receipt", "bruno hears of it");
        Assert.Equal(("ana", 7L), (receipt.Text("user_id"), receipt.Number("seq")));
        await phone.HasNothingMoreAsync();
        await bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_refusal_is_told()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"read","room_id":"lobby","seq":7,"ref":"r1"}"""));
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Read), reply => reply.Refused = new Refusal { Code = ErrorCode.NotMember });

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40302, "r1"), (error.Code, error.Ref));
    }

    [Theory]
    [InlineData("""{"type":"read"}""")]
    [InlineData("""{"type":"read","seq":-1}""")]
    [InlineData("""{"type":"read","seq":"7"}""")]
    [InlineData("""{"type":"read","seq":9007199254740992}""")]
    [InlineData("""{"type":"mark_unread","seq":0}""")]
    public void A_frame_without_a_seq_is_refused(string frame)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame));

        Assert.Equal(ErrorCode.BadRequest, reading.Error);
        Assert.StartsWith("seq must be an integer", reading.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Greeting_and_joining_tell_how_much_is_unread()
    {
        _node.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", _ => new ListRoomsReply
        {
            Rooms = { new RoomSummary { RoomId = "lobby", Epoch = TestNode.Epoch, Seq = 12, Role = "member", ReadSeq = 7, Unread = 3 } }, TotalUnread = 3,
        });
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), null, null, null, null));
        await ana.OpenAsync();

        var connected = await ana.NextAsync("connected", "the greeting");
        Assert.Equal(3, connected.Number("unread_total"));
        var room = Assert.Single(connected.Items("rooms"));
        Assert.Equal((7, 3), (room.GetProperty("read_seq").GetInt64(), room.GetProperty("unread").GetInt64()));

        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 12, Mark = Marked(7, unread: 3, lastSeq: 12) });
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 12);
        var joined = await ana.NextAsync("joined", "the room");
        Assert.Equal((7L, 3L, 12L), (joined.Number("read_seq"), joined.Number("unread"), joined.Number("last_seq")));
    }

    [Fact]
    public async Task A_mark_is_told_only_where_the_token_lets_its_bearer_read_the_room()
    {
        var narrow = await NarrowedAsync("""{"lobby":["read"],"garden":["write"]}""");
        var wide = await _node.ConnectAsync("ana");

        await _node.TellAsync(new NodeBatch { UserEvents = { MarkedIn("garden", 3), MarkedIn("secret", 4), MarkedIn("lobby", 5) } });

        Assert.Equal("lobby", (await narrow.NextAsync("unread", "of the room that it may read")).Text("room_id"));
        await narrow.HasNothingMoreAsync();
        Assert.Equal("garden", (await wide.NextAsync("unread", "of all rooms")).Text("room_id"));
        narrow.Session.Caller = narrow.Session.Caller! with { Grants = Grants("""{"secret":["read"]}""") }; // As auth_refresh does.
        await _node.TellAsync(new NodeBatch { UserEvents = { MarkedIn("lobby", 6), MarkedIn("secret", 7) } });
        Assert.Equal(("secret", 7L), Shown(await narrow.NextAsync("unread", "with the new token")));
        await narrow.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_mark_that_overtook_the_answer_to_a_join_is_told_after_it_once_more()
    {
        var ana = await _node.ConnectAsync("ana");
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", async _ =>
        {
            await _node.TellAsync(new NodeBatch { UserEvents = { MarkedIn("lobby", 9), MarkedIn("garden", 3) } }); // The snapshot was read before.
            await _node.SettledAsync();
            return new Snapshot { Epoch = TestNode.Epoch, Seq = 12, Mark = Marked(7, unread: 3, lastSeq: 12) };
        });

        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 12);

        Assert.Equal(("lobby", 9L), Shown(await ana.NextAsync("unread", "at once")));
        Assert.Equal(("garden", 3L), Shown(await ana.NextAsync("unread", "of another room")));
        Assert.Equal(7, (await ana.NextAsync("joined", "with what was so before")).Number("read_seq"));
        Assert.Equal(("lobby", 9L), Shown(await ana.NextAsync("unread", "so that the newest comes last")));
        await Eventually.CompletesAsync(ana.Session.Calls.WhenIdleAsync(), "the join is over");
        await _node.TellAsync(new NodeBatch { UserEvents = { MarkedIn("lobby", 8) } });
        Assert.Equal(("lobby", 8L), Shown(await ana.NextAsync("unread", "a mark that was set back")));
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_mark_that_overtook_the_greeting_is_told_after_it_once_more()
    {
        _node.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", async _ =>
        {
            await _node.TellAsync(new NodeBatch { UserEvents = { MarkedIn("lobby", 9), MarkedIn("garden", 3) } });
            await _node.SettledAsync();
            return new ListRoomsReply
            {
                Rooms = { new RoomSummary { RoomId = "garden", Epoch = "e", Seq = 4, ReadSeq = 3 }, new RoomSummary { RoomId = "lobby", Epoch = "e", Seq = 12, ReadSeq = 7 } },
            };
        });
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), null, null, null, null));
        await ana.OpenAsync();

        await ana.NextAsync("unread", "at once");
        await ana.NextAsync("unread", "at once");
        await ana.NextAsync("connected", "with what was so before");
        Assert.Equal(("lobby", 9L), Shown(await ana.NextAsync("unread", "what the greeting did not know")));
        await ana.HasNothingMoreAsync();
    }

    private static (string?, long) Shown(Frame frame) => (frame.Text("room_id"), frame.Number("read_seq"));

    private static UserEvent MarkedIn(string roomId, long seq) =>
        new() { UserId = "ana", Unread = new RoomUnread { RoomId = roomId, Mark = Marked(seq, unread: 1, lastSeq: 12) } };

    private static Connections.Auth.RoomGrants? Grants(string claim) => Connections.Auth.RoomGrants.Parse(System.Text.Json.JsonDocument.Parse(claim).RootElement);

    private async Task<TestClient> NarrowedAsync(string claim)
    {
        var client = _node.NewClient(new SessionOpening(TestClient.User("ana") with { Grants = Grants(claim) }, null, null, null, null));
        await client.OpenAsync();
        await client.NextAsync("connected", "the greeting");
        return client;
    }

    private static Marked Marked(long seq, long unread, long lastSeq) => new() { Epoch = TestNode.Epoch, ReadSeq = seq, Unread = unread, LastSeq = lastSeq };

    private ClientCommand Read(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        return reading.Command;
    }
}
