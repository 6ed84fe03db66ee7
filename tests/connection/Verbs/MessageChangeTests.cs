using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Verbs;

/// <summary>Edits, deletions, reactions and pins between a client's frames and the log.</summary>
public sealed class MessageChangeTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _ana = null!;
    private TestClient _bruno = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task An_edit_is_shown_to_all_and_answered_to_who_gave_a_ref()
    {
        await SendAsync("""{"type":"message_edit","ref":"e1","room_id":"lobby","message_id":"m1","content":"adiós","version":3}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Edit);
        Assert.Equal(("m1", "adiós", 3u, "ana"), (command.Edit.MessageId, command.Edit.Content, command.Edit.Version, command.Actor.UserId));
        await TellAsync(command, new RoomEvent { Edited = new MessageEdited { MessageId = "m1", MessageSeq = 4, Content = "adiós", Version = 4 } });

        var shown = await _ana.NextAsync("message_updated", "the event");
        var answer = await _ana.NextAsync("message_updated", "the answer");
        var other = await _bruno.NextAsync("message_updated", "the event");

        Assert.Equal(("e1", "", ""), (answer.Ref, shown.Ref, other.Ref));
        const string Data = """{"id":"m1","user_id":"ana","content":"adiós","version":4,"edited_at":"1970-01-01T00:00:07.000Z","message_seq":4,"seq":6}""";
        Assert.All([answer, shown, other], frame => Assert.Equal(Data, frame.Data.GetRawText()));
        Assert.Equal(6, other.Root.GetProperty("seq").GetInt64());
    }

    [Fact]
    public async Task An_answer_does_not_come_before_what_the_room_has_still_to_show()
    {
        await SendAsync("""{"type":"message_delete","ref":"d1","room_id":"lobby","message_id":"m1"}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Delete);
        await TellAsync(command, new RoomEvent { Deleted = new MessageDeleted { MessageId = "m1", MessageSeq = 4 } }, seq: 7);
        await _ana.HasNothingMoreAsync();

        await _node.TellEventsAsync("lobby", TestNode.Message(6));

        Assert.Equal(["m6"], await _ana.MessagesAsync(1));
        Assert.Equal("", (await _ana.NextAsync("message_deleted", "the event")).Ref);
        Assert.Equal("d1", (await _ana.NextAsync("message_deleted", "the answer")).Ref);
    }

    [Fact]
    public async Task Without_a_ref_there_is_no_answer_but_the_event()
    {
        await SendAsync("""{"type":"message_delete","room_id":"lobby","message_id":"m1"}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Delete);
        Assert.Equal("m1", command.Delete.MessageId);
        await TellAsync(command, new RoomEvent { Deleted = new MessageDeleted { MessageId = "m1", MessageSeq = 4 } });

        var shown = await _ana.NextAsync("message_deleted", "the event");

        Assert.Equal(
            """{"id":"m1","deleted_by":"ana","deleted_at":"1970-01-01T00:00:07.000Z","message_seq":4,"seq":6}""", shown.Data.GetRawText());
        await _ana.HasNothingMoreAsync();
    }

    [Theory]
    [InlineData("reaction_add", false, "add")]
    [InlineData("reaction_remove", true, "remove")]
    public async Task A_reaction_is_shown_with_all_counts(string type, bool removes, string action)
    {
        await SendAsync($$"""{"type":"{{type}}","room_id":"lobby","message_id":"m1","emoji":"👍"}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.React);
        Assert.Equal(("m1", "👍", removes), (command.React.MessageId, command.React.Emoji, command.React.Remove));
        await TellAsync(command, new RoomEvent
        {
            Reaction = new ReactionChanged
            {
                MessageId = "m1", MessageSeq = 4, Emoji = "👍", Removed = removes,
                Counts = { new ReactionCount { Emoji = "👍", Count = 2 }, new ReactionCount { Emoji = ":x:", Count = 1 } },
            },
        });

        var shown = await _bruno.NextAsync("reaction", "the event");

        Assert.Equal(
            """{"message_id":"m1","emoji":"👍","user_id":"ana","username":"ana","action":""" + $"\"{action}\""
            + ""","counts":{"👍":2,":x:":1},"message_seq":4,"seq":6}""",
            System.Text.RegularExpressions.Regex.Unescape(shown.Data.GetRawText()));
    }

    [Theory]
    [InlineData("pin", true)]
    [InlineData("unpin", false)]
    public async Task A_pin_is_shown_to_all(string type, bool pinned)
    {
        await SendAsync($$"""{"type":"{{type}}","ref":"p1","room_id":"lobby","message_id":"m1"}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Pin);
        Assert.Equal(("m1", !pinned), (command.Pin.MessageId, command.Pin.Unpin));
        await TellAsync(command, new RoomEvent { Pinned = new MessagePinned { MessageId = "m1", MessageSeq = 4, Pinned = pinned } });

        var shown = await _ana.NextAsync("pinned", "the event");
        var answer = await _ana.NextAsync("pinned", "the answer");

        Assert.Equal(("", "p1"), (shown.Ref, answer.Ref));
        Assert.Equal(
            """{"message_id":"m1","user_id":"ana","pinned":""" + (pinned ? "true" : "false") + ""","at":"1970-01-01T00:00:07.000Z","message_seq":4,"seq":6}""",
            shown.Data.GetRawText());
    }

    [Fact]
    public async Task A_reply_names_its_thread()
    {
        var reply = TestNode.Message(6);
        (reply.Message.ReplyTo, reply.Message.ThreadRoot, reply.Message.ThreadReplies) = ("m2", "m1", 3);
        await _node.TellEventsAsync("lobby", reply);

        var shown = await _ana.NextAsync("message", "the reply");

        Assert.Equal(("m2", "m1", 3L), (shown.Text("reply_to"), shown.Text("thread_root"), shown.Number("thread_replies")));
    }

    [Fact]
    public async Task A_thread_is_its_root_and_a_page_of_the_replies_to_it()
    {
        _node.Calls.On<GetThreadRequest, ThreadPage>("GetThread", request =>
        {
            Assert.Equal(("lobby", "m1", 9L, false, 20, "ana"),
                (request.RoomId, request.RootId, request.BeforeSeq, request.HasAfterSeq, request.Limit, request.Actor.UserId));
            return new ThreadPage
            {
                Root = new Message { MessageId = "m1", Seq = 4, UpdatedSeq = 9, Version = 1, ReplyCount = 2, LastReplyAtMs = 9_000 }, HasMore = true,
                Messages = { new Message { MessageId = "m3", Seq = 8, UpdatedSeq = 8, ThreadRoot = "m1", ReplyTo = "m2" } },
            };
        });
        await SendAsync("""{"type":"thread","ref":"t1","room_id":"lobby","root_id":"m1","before_seq":9,"limit":20}""");

        var thread = await _ana.NextAsync("thread", "the answer");

        var (root, item) = (thread.Data.GetProperty("root"), Assert.Single(thread.Data.GetProperty("items").EnumerateArray()));
        Assert.Equal(("t1", true), (thread.Ref, thread.Flag("has_more")));
        Assert.Equal(("m1", 2, "1970-01-01T00:00:09.000Z"),
            (root.GetProperty("id").GetString(), root.GetProperty("reply_count").GetInt32(), root.GetProperty("last_reply_at").GetString()));
        Assert.Equal(("m3", "m1", "m2"),
            (item.GetProperty("id").GetString(), item.GetProperty("thread_root").GetString(), item.GetProperty("reply_to").GetString()));
    }

    [Fact]
    public async Task A_page_of_pins_that_does_not_fit_says_so()
    {
        _node.Calls.On<GetPinsRequest, PinsPage>("GetPins", request =>
        {
            Assert.Equal(("lobby", 0L, 50), (request.RoomId, request.BeforePinnedSeq, request.Limit));
            return new PinsPage { Messages = { Pinned("m1", 9), Pinned("m2", 8) } };
        });
        await SendAsync("""{"type":"pins","room_id":"lobby"}""");

        var pins = await _ana.NextAsync("pins", "the answer");

        var item = Assert.Single(pins.Data.GetProperty("items").EnumerateArray());
        Assert.Equal(("m1", 9L, "bruno"), (item.GetProperty("id").GetString(), item.GetProperty("pinned_seq").GetInt64(), item.GetProperty("pinned_by").GetString()));
        Assert.True(pins.Flag("has_more"));

        static Message Pinned(string id, long seq) => new()
        {
            MessageId = id, Seq = 4, UpdatedSeq = seq, PinnedSeq = seq, PinnedAtMs = 9_000, PinnedBy = "bruno", Version = 1, Content = new string('x', 40_000),
        };
    }

    [Fact]
    public async Task What_was_so_already_is_answered_without_a_seq()
    {
        await SendAsync("""{"type":"message_delete","ref":"d1","room_id":"lobby","message_id":"m1"}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Delete);
        var before = new RoomEvent { UserId = "bruno", CreatedAtMs = 3_000, Deleted = new MessageDeleted { MessageId = "m1", MessageSeq = 4 } };
        await _node.ReplyAsync(command, reply => reply.Stored = new Stored { CreatedAtMs = 3_000, Duplicate = true, Entry = before });

        var answer = await _ana.NextAsync("message_deleted", "the answer");

        Assert.Equal("d1", answer.Ref);
        Assert.Equal("""{"id":"m1","deleted_by":"bruno","deleted_at":"1970-01-01T00:00:03.000Z","message_seq":4}""", answer.Data.GetRawText());
        Assert.False(answer.Root.TryGetProperty("seq", out _));
        await _bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_refusal_is_an_error_also_without_a_ref()
    {
        await SendAsync("""{"type":"message_edit","room_id":"lobby","message_id":"m1","content":"adiós","version":1}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Edit);
        await _node.ReplyAsync(command, reply => reply.Refused = new Refusal { Code = ErrorCode.VersionConflict });

        Assert.Equal(40901, (await _ana.NextAsync("error", "the refusal")).Code);
    }

    [Theory]
    [InlineData("""{"type":"message_edit","content":"x"}""", "message_id is required")]
    [InlineData("""{"type":"message_edit","message_id":"m1"}""", "content is required")]
    [InlineData("""{"type":"message_edit","message_id":"m1","content":"x","version":0}""", "version must be an integer, 1 to 4294967295")]
    [InlineData("""{"type":"message_edit","message_id":{},"content":"x"}""", "message_id must be a string or an integer")]
    [InlineData("""{"type":"message_delete","message_id":""}""", "message_id must have 1 to 64 characters")]
    [InlineData("""{"type":"reaction_add","message_id":"m1"}""", "emoji is required")]
    [InlineData("""{"type":"reaction_add","message_id":"m1","emoji":7}""", "emoji must be a string")]
    public void A_field_that_is_missing_or_wrong_is_named(string frame, string detail)
    {
        var reading = Read(frame);

        Assert.Equal((ErrorCode.BadRequest, detail), (reading.Error, reading.Detail));
    }

    [Fact]
    public void A_changed_message_is_shown_with_what_changed()
    {
        var message = new Message
        {
            MessageId = "m1", Seq = 4, UpdatedSeq = 9, UserId = "ana", Username = "ana", Content = "adiós", CreatedAtMs = 1_000, Version = 2, EditedAtMs = 2_000,
            Reactions = { new Reaction { Emoji = ":x:", Count = 12, UserIds = { "ana", "bruno" }, Me = true } },
        };

        var json = Shown(message);

        Assert.Equal(
            """{"id":"m1","seq":4,"user_id":"ana","username":"ana","content":"adiós","created_at":"1970-01-01T00:00:01.000Z","updated_seq":9,"version":2,"""
            + """
            "edited_at":"1970-01-01T00:00:02.000Z","reactions":[{"emoji":":x:","count":12,"user_ids":["ana","bruno"],"me":true}]}
            """, json);
    }

    [Fact]
    public void A_deleted_message_says_who_deleted_it_and_nothing_else()
    {
        var message = new Message
        {
            MessageId = "m1", Seq = 4, UpdatedSeq = 9, UserId = "ana", Username = "ana", CreatedAtMs = 1_000, Version = 1, DeletedAtMs = 2_000, DeletedBy = "bruno",
        };

        var json = Shown(message);

        Assert.Contains("\"content\":\"\",", json, StringComparison.Ordinal);
        Assert.EndsWith("""
            "updated_seq":9,"version":1,"deleted_at":"1970-01-01T00:00:02.000Z","deleted_by":"bruno"}
            """, json, StringComparison.Ordinal);
    }

    private string Shown(Message message)
    {
        var bytes = _node.Of<NativeFormat>().Encode(new Connections.Events.MessageStateEvent("lobby", "e1", message));
        return Frame.Parse(Encoding.UTF8.GetString(WebSocketFrames.Payload(bytes))).Data.GetRawText();
    }

    private FrameReading Read(string json) => _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));

    private async Task SendAsync(string json)
    {
        var reading = Read(json);
        Assert.True(reading.Command is not null, reading.Detail);
        await _ana.SendAsync(reading.Command);
    }

    private async Task TellAsync(Command command, RoomEvent entry, long seq = 6)
    {
        (entry.Seq, entry.CreatedAtMs, entry.UserId, entry.Username) = (seq, 7_000, "ana", "ana");
        (entry.OriginNodeId, entry.CommandId) = (_node.Id, command.CommandId);
        await _node.TellEventsAsync("lobby", entry);
    }
}
