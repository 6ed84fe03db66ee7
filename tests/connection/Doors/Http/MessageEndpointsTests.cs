using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class MessageEndpointsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/rooms/lobby/messages";
    private const string Hola = """{"content":"hola","client_msg_id":"c1","reply_to":"m0","metadata":{"a":1}}""";

    private HttpHost _host = null!;

    public async Task InitializeAsync() => _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_message_is_answered_when_it_is_stored_by_a_node_that_does_not_hold_the_room()
    {
        var posted = _host.SendAsync(HttpMethod.Post, Path, "ana", Hola);

        var command = await _host.CommandAsync(Command.BodyOneofCase.Send);
        Assert.Equal(("lobby", "ana", "user"), (command.RoomId, command.Actor.UserId, command.Actor.Role));
        Assert.Equal(("hola", "c1", "m0", """{"a":1}"""),
            (command.Send.Content, command.Send.ClientMsgId, command.Send.ReplyTo, command.Send.Metadata.ToStringUtf8()));
        Assert.False(posted.IsCompleted);
        await StoreAsync(command, seq: 7);

        var answer = await posted;
        Assert.Equal(201, answer.Status);
        Assert.Equal($"/api/v1/messages/{command.Send.MessageId}", answer.Headers["Location"]);
        Assert.Equal(
            $$"""{"room_id":"lobby","message_id":"{{command.Send.MessageId}}","client_msg_id":"c1","seq":7,"epoch":"e1","timestamp":"2030-03-17T17:46:40.000Z","duplicate":false}""",
            answer.Body);
        Assert.Null(_host.Of<RoomHub>().Find("lobby"));
        Assert.Equal(0, _host.Of<PendingAcks>().Count);
    }

    [Fact]
    public async Task The_event_of_a_room_that_the_node_holds_answers_as_well()
    {
        var posted = _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"hola"}""");

        var command = await _host.CommandAsync(Command.BodyOneofCase.Send);
        var stored = new RoomEvent
        {
            Seq = 8, UserId = "ana", CreatedAtMs = 1, OriginNodeId = _host.Id, CommandId = command.CommandId, Message = new MessageCreated { MessageId = command.Send.MessageId },
        };
        await _host.TellAsync(new NodeBatch { Rooms = { new RoomEvents { RoomId = "lobby", Epoch = "e2", Events = { stored } } } });

        var answer = await posted;
        Assert.Equal((201, 8, "e2"), (answer.Status, answer.Json.GetProperty("seq").GetInt32(), answer.Json.GetProperty("epoch").GetString()));
    }

    [Fact]
    public async Task A_refusal_of_the_rooms_writer_is_a_problem_with_its_code()
    {
        var posted = _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"hola"}""");

        await _host.ReplyAsync(await _host.CommandAsync(Command.BodyOneofCase.Send), reply => reply.Refused = new Refusal { Code = ErrorCode.Muted, RetryAfterMs = 1500 });

        var answer = await posted;
        Assert.Equal((403, 40303, "muted"), answer.Problem);
        Assert.Equal("2", answer.Headers["Retry-After"]);
        Assert.Equal(1500, answer.Json.GetProperty("retry_after_ms").GetInt32());
    }

    [Fact]
    public async Task Without_an_outcome_in_time_the_answer_is_unavailable_and_nothing_is_left()
    {
        var posted = _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"hola"}""");
        await _host.CommandAsync(Command.BodyOneofCase.Send);

        await Eventually.HoldsAsync(
            () =>
            {
                _host.Time.Advance(TimeSpan.FromSeconds(1));
                return posted.IsCompleted;
            },
            "the request is answered");

        Assert.Equal((503, 50301, "unavailable"), (await posted).Problem);
        Assert.Equal(0, _host.Of<PendingAcks>().Count);
    }

    [Theory]
    [InlineData("""{"content":""}""", 400, 40004)]
    [InlineData("""{"content":5}""", 400, 40001)]
    [InlineData("""{}""", 400, 40001)]
    [InlineData("", 400, 40001)]
    [InlineData("[]", 400, 40001)]
    [InlineData("{", 400, 40002)]
    [InlineData("""{"content":"a\u0000b"}""", 400, 40001)]
    [InlineData("""{"content":"a","client_msg_id":""}""", 400, 40001)]
    [InlineData("""{"content":"a","metadata":[]}""", 400, 40001)]
    public async Task A_body_is_checked_as_a_frame_is(string body, int status, int code)
    {
        var answer = await _host.SendAsync(HttpMethod.Post, Path, "ana", body);

        Assert.Equal((status, code), (answer.Problem.Status, answer.Problem.Code));
        Assert.False(_host.TryReadCommand(out _));
    }

    [Fact]
    public async Task A_body_is_bounded_in_bytes_and_must_be_text()
    {
        var large = Encoding.UTF8.GetBytes($$$"""{"content":"a","metadata":{"x":"{{{new string('x', 70_000)}}}"}}""");
        Assert.Equal((413, 40005, "too_large"), (await _host.SendRawAsync(HttpMethod.Post, Path, _host.Token("ana"), large)).Problem);

        byte[] broken = [.. """{"content":"""u8, (byte)'"', 0xff, .. "\"}"u8];
        Assert.Equal((400, 40002, "invalid_json"), (await _host.SendRawAsync(HttpMethod.Post, Path, _host.Token("ana"), broken)).Problem);

        var metadata = $$$"""{"content":"a","metadata":{"x":"{{{new string('x', 5000)}}}"}}""";
        Assert.Equal((413, 40005, "too_large"), (await _host.SendAsync(HttpMethod.Post, Path, "ana", metadata)).Problem);
    }

    [Fact]
    public async Task The_key_of_a_request_is_the_messages_own_id_for_ever()
    {
        _host.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request => new GetEventsReply
        {
            Events = new RoomEvents { Events = { new RoomEvent { Seq = request.FromSeq, Message = new MessageCreated { MessageId = "first", Content = "hola" } } } },
        });
        var again = _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"hola"}""", ("Idempotency-Key", "\"k1\""));
        var command = await _host.CommandAsync(Command.BodyOneofCase.Send);
        Assert.Equal("k1", command.Send.ClientMsgId);
        await DuplicateAsync(command);
        Assert.Equal((201, "first", true), ((await again).Status, (await again).Json.GetProperty("message_id").GetString(), (await again).Json.GetProperty("duplicate").GetBoolean()));

        var other = _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"adios"}""", ("Idempotency-Key", "k1"));
        await DuplicateAsync(await _host.CommandAsync(Command.BodyOneofCase.Send));
        Assert.Equal((422, 40001, "bad_request"), (await other).Problem);

        var two = await _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"a","client_msg_id":"c1"}""", ("Idempotency-Key", "k1"));
        Assert.Equal((400, 40001, "bad_request"), two.Problem);
        Assert.Equal(400, (await _host.SendAsync(HttpMethod.Post, Path, "ana", """{"content":"a"}""", ("Idempotency-Key", new string('k', 65)))).Status);
    }

    [Fact]
    public async Task History_is_a_page_that_is_not_sent_twice()
    {
        GetHistoryRequest? asked = null;
        _host.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", request =>
        {
            asked = request;
            return new HistoryPage { Epoch = "e1", HasMore = true, Messages = { Message(3), Message(4) } };
        });

        var page = await _host.SendAsync(HttpMethod.Get, Path + "?before_seq=5&limit=2", "ana");

        Assert.Equal((5, 2, "ana", "lobby"), (asked!.BeforeSeq, asked.Limit, asked.Actor.UserId, asked.RoomId));
        Assert.Equal((200, "lobby", "e1", true),
            (page.Status, page.Json.GetProperty("room_id").GetString(), page.Json.GetProperty("epoch").GetString(), page.Json.GetProperty("has_more").GetBoolean()));
        Assert.Equal([3, 4], page.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("seq").GetInt32()));
        var held = await _host.SendAsync(HttpMethod.Get, Path + "?before_seq=5&limit=2", "ana", null, ("If-None-Match", page.Headers["ETag"]));
        Assert.Equal((304, ""), (held.Status, held.Body));
    }

    [Fact]
    public async Task A_page_that_is_too_large_is_cut_where_the_client_goes_on()
    {
        _host.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", _ => new HistoryPage
        {
            Messages = { Enumerable.Range(1, 40).Select(seq => Message(seq, new string('x', 16_000))) },
        });

        var newest = (await _host.SendAsync(HttpMethod.Get, Path, "ana")).Json;
        var oldest = (await _host.SendAsync(HttpMethod.Get, Path + "?after_seq=0", "ana")).Json;

        Assert.Equal((40, true), (newest.GetProperty("items").EnumerateArray().Last().GetProperty("seq").GetInt32(), newest.GetProperty("has_more").GetBoolean()));
        Assert.Equal((1, true), (oldest.GetProperty("items")[0].GetProperty("seq").GetInt32(), oldest.GetProperty("has_more").GetBoolean()));
    }

    [Theory]
    [InlineData("?limit=0")]
    [InlineData("?limit=101")]
    [InlineData("?limit=many")]
    [InlineData("?before_seq=0")]
    [InlineData("?before_seq=5&after_seq=2")]
    [InlineData("?after_seq=99999999999999999999")]
    public async Task A_bad_query_is_a_bad_request(string query) =>
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Get, Path + query, "ana")).Problem);

    [Fact]
    public async Task One_message_is_found_by_its_id_with_what_the_token_grants_in_its_room()
    {
        var actors = new List<Actor?>();
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", request =>
        {
            actors.Add(request.Actor);
            return request.MessageId == "id-3"
                ? new GetMessageReply { RoomId = "lobby", Epoch = "e1", Message = request.Actor is null ? null : Message(3) }
                : throw RpcErrors.Refuse(ErrorCode.MessageNotFound);
        });

        var found = await _host.SendAsync(HttpMethod.Get, "/api/v1/messages/id-3", "ana");
        Assert.Equal(("lobby", "id-3", "m3"), (found.Json.GetProperty("room_id").GetString(), found.Json.GetProperty("id").GetString(), found.Json.GetProperty("content").GetString()));
        Assert.Equal((404, 40402, "message_not_found"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/messages/id-4", "ana")).Problem);
        actors.Clear();
        var token = _host.Token("ana", rooms: new Dictionary<string, string[]> { ["lobby"] = ["read"] });
        Assert.Equal(200, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/messages/id-3", token)).Status);
        Assert.Equal([null, true], actors.Select(actor => actor?.Grant.Read));

        actors.Clear();
        _host.Of<Connections.Auth.Revocations>().Add(new Revocation { UserId = "ana", RoomId = "lobby", RevokedAtMs = long.MaxValue, ExpiresAtMs = long.MaxValue });
        await _host.SendAsync(HttpMethod.Get, "/api/v1/messages/id-3", "ana");
        Assert.Equal([null, false], actors.Select(actor => actor?.Grant.Read));
    }

    [Fact]
    public async Task The_callers_rooms_are_listed_page_by_page()
    {
        ListRoomsRequest? asked = null;
        _host.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", request =>
        {
            asked = request;
            return new ListRoomsReply { HasMore = true, Rooms = { new RoomSummary { RoomId = "b", Epoch = "e1", Seq = 4, ReadSeq = 2, Unread = 1, Role = "owner" } } };
        });

        var rooms = await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms?after=a&limit=1", "ana");

        Assert.Equal(("ana", "a", 1, null), (asked!.Actor.UserId, asked.AfterRoomId, asked.Limit, asked.Scope));
        Assert.Equal("""{"rooms":[{"room_id":"b","epoch":"e1","seq":4,"read_seq":2,"unread":1,"role":"owner"}],"has_more":true}""", rooms.Body);
        var token = _host.Token("ana", rooms: new Dictionary<string, string[]> { ["b"] = ["read"], ["c"] = ["write"], ["team-*"] = ["read", "write"] });
        Assert.Equal(200, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/rooms", token)).Status);
        Assert.Equal(new RoomScope { Patterns = { "b", "team-*" } }, asked.Scope);
    }

    [Fact]
    public async Task A_services_refusal_and_its_absence_are_problems()
    {
        _host.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", HistoryPage (_) => throw RpcErrors.Refuse(ErrorCode.NotMember));
        Assert.Equal((403, 40302, "not_member"), (await _host.SendAsync(HttpMethod.Get, Path, "ana")).Problem);

        _host.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", HistoryPage (_) => throw new RpcException(new Status(StatusCode.Internal, "a secret of the store")));
        var failed = await _host.SendAsync(HttpMethod.Get, Path, "ana");
        Assert.Equal((500, 50001, "internal"), failed.Problem);
        Assert.DoesNotContain("secret", failed.Body, StringComparison.Ordinal);
    }

    private Task StoreAsync(Command command, long seq) => _host.ReplyAsync(command, reply => reply.Stored = new Stored
    {
        MessageId = command.Send.MessageId, ClientMsgId = command.Send.ClientMsgId, Seq = seq, CreatedAtMs = 1_900_000_000_000, Epoch = HttpHost.Epoch,
    });

    private Task DuplicateAsync(Command command) => _host.ReplyAsync(command, reply => reply.Stored = new Stored
    {
        MessageId = "first", ClientMsgId = command.Send.ClientMsgId, Seq = 5, CreatedAtMs = 1_900_000_000_000, Epoch = HttpHost.Epoch, Duplicate = true,
    });

    private static Message Message(long seq, string? content = null) => new()
    {
        MessageId = $"id-{seq}", Seq = seq, UpdatedSeq = seq, UserId = "zoe", Username = "zoe", Content = content ?? $"m{seq}", CreatedAtMs = 1_900_000_000_000,
    };
}
