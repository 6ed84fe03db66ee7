using System.Text;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class MessageChangeEndpointsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/messages/m1";

    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", request =>
        {
            Assert.Equal(("m1", null), (request.MessageId, request.Actor));
            return new GetMessageReply { RoomId = "lobby", Epoch = "e1" };
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task An_edit_is_answered_when_it_is_durable()
    {
        var asked = _host.SendAsync(HttpMethod.Patch, Path, "ana", """{"content":"adiós","version":3,"message_id":"another"}""");
        var command = await _host.CommandAsync(Command.BodyOneofCase.Edit);
        Assert.Equal(("lobby", "ana", "m1", "adiós", 3u),
            (command.RoomId, command.Actor.UserId, command.Edit.MessageId, command.Edit.Content, command.Edit.Version));
        Assert.False(asked.IsCompleted);
        await StoredAsync(command, new RoomEvent { Edited = new MessageEdited { MessageId = "m1", MessageSeq = 4, Content = "adiós", Version = 4 } });

        var answer = await asked;

        Assert.Equal((200,
            """{"room_id":"lobby","epoch":"e1","id":"m1","user_id":"ana","content":"adiós","version":4,"edited_at":"1970-01-01T00:00:07.000Z","message_seq":4,"seq":6}"""),
            (answer.Status, answer.Body));
    }

    [Fact]
    public async Task A_version_that_is_not_the_present_one_is_a_conflict()
    {
        var asked = _host.SendAsync(HttpMethod.Patch, Path, "ana", """{"content":"adiós","version":1}""");
        await _host.ReplyAsync(
            await _host.CommandAsync(Command.BodyOneofCase.Edit), reply => reply.Refused = new Refusal { Code = ErrorCode.VersionConflict });

        Assert.Equal((409, 40901, "version_conflict"), (await asked).Problem);
    }

    [Theory]
    [InlineData("""{"content":"x","version":"1"}""", 400, 40001)]
    [InlineData("{}", 400, 40001)]
    [InlineData("{", 400, 40002)]
    [InlineData("""{"content":""}""", 400, 40004)]
    public async Task A_body_is_checked_as_a_frame_is(string body, int status, int code)
    {
        var answer = await _host.SendAsync(HttpMethod.Patch, Path, "ana", body);

        Assert.Equal((status, code), (answer.Problem.Status, answer.Problem.Code));
    }

    [Fact]
    public async Task A_deletion_that_was_made_before_is_answered_without_a_seq()
    {
        var asked = _host.SendAsync(HttpMethod.Delete, Path, "ana");
        var command = await _host.CommandAsync(Command.BodyOneofCase.Delete);
        var before = new RoomEvent { UserId = "bruno", CreatedAtMs = 3_000, Deleted = new MessageDeleted { MessageId = "m1", MessageSeq = 4 } };
        await _host.ReplyAsync(command, reply => reply.Stored = new Stored { Epoch = "e1", Duplicate = true, Entry = before });

        Assert.Equal(
            """{"room_id":"lobby","epoch":"e1","id":"m1","deleted_by":"bruno","deleted_at":"1970-01-01T00:00:03.000Z","message_seq":4}""", (await asked).Body);
    }

    [Theory]
    [InlineData("PUT", false)]
    [InlineData("DELETE", true)]
    public async Task A_reaction_is_named_by_the_path(string method, bool removes)
    {
        var asked = _host.SendAsync(new HttpMethod(method), $"{Path}/reactions/{Uri.EscapeDataString("👍🏽")}", "ana");
        var command = await _host.CommandAsync(Command.BodyOneofCase.React);
        Assert.Equal(("m1", "👍🏽", removes), (command.React.MessageId, command.React.Emoji, command.React.Remove));
        await StoredAsync(command, new RoomEvent
        {
            Reaction = new ReactionChanged
            {
                MessageId = "m1", MessageSeq = 4, Emoji = "👍🏽", Removed = removes, Counts = { new ReactionCount { Emoji = ":x:", Count = 2 } },
            },
        });

        var answer = (await asked).Json;

        Assert.Equal((removes ? "remove" : "add", 2), (answer.GetProperty("action").GetString(), answer.GetProperty("counts").GetProperty(":x:").GetInt32()));
    }

    [Theory]
    [InlineData("PUT", false)]
    [InlineData("DELETE", true)]
    public async Task A_pin_is_put_and_taken_off(string method, bool unpin)
    {
        var asked = _host.SendAsync(new HttpMethod(method), $"{Path}/pin", "ana");
        var command = await _host.CommandAsync(Command.BodyOneofCase.Pin);
        Assert.Equal(("m1", unpin), (command.Pin.MessageId, command.Pin.Unpin));
        await StoredAsync(command, new RoomEvent { Pinned = new MessagePinned { MessageId = "m1", MessageSeq = 4, Pinned = !unpin } });

        Assert.Equal(!unpin, (await asked).Json.GetProperty("pinned").GetBoolean());
    }

    [Fact]
    public async Task A_thread_and_the_pins_are_read()
    {
        _host.Calls.On<GetThreadRequest, ThreadPage>("GetThread", request =>
        {
            Assert.Equal(("lobby", "m1", 9L, 50, "ana"), (request.RoomId, request.RootId, request.BeforeSeq, request.Limit, request.Actor.UserId));
            return new ThreadPage { Root = new Message { MessageId = "m1", Seq = 4 }, Messages = { new Message { MessageId = "m2", Seq = 8, ThreadRoot = "m1" } } };
        });
        _host.Calls.On<GetPinsRequest, PinsPage>("GetPins", request =>
        {
            Assert.Equal(("lobby", 9L, 2), (request.RoomId, request.BeforePinnedSeq, request.Limit));
            return new PinsPage { HasMore = true, Messages = { new Message { MessageId = "m1", Seq = 4, UpdatedSeq = 8, PinnedSeq = 8 } } };
        });

        var thread = (await _host.SendAsync(HttpMethod.Get, $"{Path}/thread?before_seq=9", "ana")).Json;
        var pins = (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/lobby/pins?before_seq=9&limit=2", "ana")).Json;
        var refused = await _host.SendAsync(HttpMethod.Get, $"{Path}/thread?limit=101", "ana");

        Assert.Equal(("m1", "m2"), (thread.GetProperty("root").GetProperty("id").GetString(), thread.GetProperty("items")[0].GetProperty("id").GetString()));
        Assert.Equal((8, true), (pins.GetProperty("items")[0].GetProperty("pinned_seq").GetInt32(), pins.GetProperty("has_more").GetBoolean()));
        Assert.Equal(400, refused.Status);
    }

    [Theory]
    [InlineData(ErrorCode.NotMember, null, 404)]
    [InlineData(ErrorCode.Banned, null, 404)]
    [InlineData(ErrorCode.RoomNotFound, null, 404)]
    [InlineData(ErrorCode.Forbidden, "write", 404)]
    [InlineData(ErrorCode.Forbidden, null, 403)]
    [InlineData(ErrorCode.Forbidden, "read", 403)]
    [InlineData(ErrorCode.Muted, null, 403)]
    public async Task Who_may_not_read_a_message_is_not_told_that_it_exists(ErrorCode refusal, string? right, int status)
    {
        var token = _host.Token("ana", rooms: right is null ? null : new Dictionary<string, string[]> { ["lobby"] = [right] });
        _host.Calls.On<GetThreadRequest, ThreadPage>("GetThread", ThreadPage (_) => throw RpcErrors.Refuse(refusal));
        (HttpMethod, string, string?, Command.BodyOneofCase)[] changes =
        [
            (HttpMethod.Patch, Path, """{"content":"x"}""", Command.BodyOneofCase.Edit), (HttpMethod.Delete, Path, null, Command.BodyOneofCase.Delete),
            (HttpMethod.Put, $"{Path}/reactions/:x:", null, Command.BodyOneofCase.React), (HttpMethod.Put, $"{Path}/pin", null, Command.BodyOneofCase.Pin),
        ];
        foreach (var (method, path, body, kind) in changes)
        {
            var asked = _host.SendRawAsync(method, path, token, body is null ? null : Encoding.UTF8.GetBytes(body));
            await _host.ReplyAsync(await _host.CommandAsync(kind), reply => reply.Refused = new Refusal { Code = refusal });
            Assert.Equal((path, status, (int)(status == 404 ? ErrorCode.MessageNotFound : refusal)), (path, (await asked).Problem.Status, (await asked).Problem.Code));
        }

        Assert.Equal(status, (await _host.SendRawAsync(HttpMethod.Get, $"{Path}/thread", token)).Problem.Status);
    }

    [Fact]
    public async Task A_bad_body_is_refused_before_the_message_is_looked_for()
    {
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", GetMessageReply (_) => throw RpcErrors.Refuse(ErrorCode.MessageNotFound));

        Assert.Equal(400, (await _host.SendAsync(HttpMethod.Patch, Path, "ana", "{}")).Problem.Status);
        Assert.Equal(404, (await _host.SendAsync(HttpMethod.Patch, Path, "ana", """{"content":"x"}""")).Problem.Status);
    }

    private Task StoredAsync(Command command, RoomEvent entry)
    {
        (entry.Seq, entry.CreatedAtMs, entry.UserId, entry.Username) = (6, 7_000, "ana", "Ana");
        return _host.ReplyAsync(command, reply => reply.Stored = new Stored { Epoch = "e1", Seq = 6, CreatedAtMs = 7_000, Entry = entry });
    }
}
