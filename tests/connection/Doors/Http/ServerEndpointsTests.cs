using Tertulia.Connections.Auth;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class ServerEndpointsTests : IAsyncLifetime
{
    private const string Key = "a-long-and-random-key-of-the-shop";

    private readonly List<string> _records = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Auth:ServiceKeys:0", $"shop:{ServiceKeys.HashOf(Key)}"), ("Limits:EventsPerMinute", "1"));
        _host.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", _ => new ListRoomsReply());
        _host.Calls.On<AuditEntry, RecordAuditReply>("RecordAudit", entry =>
        {
            _records.Add($"{entry.ActorId} {entry.Action} {entry.RoomId}{entry.TargetId} {entry.Detail}");
            return new RecordAuditReply();
        });
        _host.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", request => new RoomPresence { RoomId = request.RoomId });
        _host.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = HttpHost.Epoch, Seq = 5 });
        _host.Calls.On<GetUserRequest, UserPresence>("GetUser", request => request.UserId == "ana" ? new UserPresence { Connections = 2, NodeIds = { "n1" } } : new UserPresence());
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_service_writes_for_a_user_who_is_in_no_room()
    {
        var posting = AskAsync(HttpMethod.Post, "/api/v1/server/messages", """{"room_id":"lobby","user_id":"ana","username":"Ana","content":"hola"}""", ("Idempotency-Key", "k1"));
        var command = await _host.CommandAsync(Command.BodyOneofCase.Send);
        Assert.Equal(("lobby", "ana", "Ana", "service", "k1"),
            (command.RoomId, command.Actor.UserId, command.Actor.Username, command.Actor.Role, command.Send.ClientMsgId));
        await _host.ReplyAsync(command, reply => reply.Stored = new Stored { MessageId = command.Send.MessageId, Seq = 7, Epoch = "e1" });

        Assert.Equal((201, 7), ((await posting).Status, (await posting).Json.GetProperty("seq").GetInt32()));
    }

    [Theory]
    [InlineData("""{"user_id":"ana","event":"changed","payload":{"id":7}}""", true)]
    [InlineData("""{"room_id":"a","event":"changed","payload":{"id":7}}""", true)]
    [InlineData("""{"all":true,"event":"changed","payload":{"id":7}}""", true)]
    [InlineData("""{"user_id":"bruno","event":"changed","payload":{"id":7}}""", false)]
    public async Task A_service_tells_a_user_a_room_or_all(string body, bool reachesAna)
    {
        await using var ana = await JoinedAsync();

        Assert.Equal(202, (await AskAsync(HttpMethod.Post, "/api/v1/server/broadcast", body)).Status);
        Assert.Equal(202, (await AskAsync(HttpMethod.Post, "/api/v1/server/broadcast", """{"user_id":"ana","event":"last"}""")).Status);

        var told = await ana.NextAsync("broadcast");
        Assert.Equal((reachesAna ? "changed" : "last", "shop"), (told.Text("event"), told.Text("user_id")));
        Assert.Equal(reachesAna ? 7 : 0, told.Data.TryGetProperty("payload", out var payload) ? payload.GetProperty("id").GetInt32() : 0);
    }

    [Fact]
    public async Task A_service_disconnects_a_user_and_sees_connections()
    {
        await using var ana = await JoinedAsync();
        Assert.Equal("""{"user_id":"ana","connections":2,"node_ids":["n1"]}""", (await AskAsync(HttpMethod.Get, "/api/v1/server/connections?user_id=ana")).Body);

        Assert.Equal(202, (await AskAsync(HttpMethod.Post, "/api/v1/server/disconnect", """{"user_id":"ana","reason":"signed out"}""")).Status);

        var close = await ana.NextAsync("close");
        Assert.Equal((4506, "signed out"), (close.Number("code"), close.Text("reason")));
        await Eventually.HoldsAsync(() => _host.Of<SessionRegistry>().Count == 0, "the session is gone");
    }

    [Fact]
    public async Task What_a_service_orders_is_in_the_audit_log_or_is_not_done()
    {
        await AskAsync(HttpMethod.Post, "/api/v1/server/broadcast", """{"room_id":"lobby","event":"changed"}""");
        await AskAsync(HttpMethod.Post, "/api/v1/server/disconnect", """{"user_id":"ana","connection_id":"c1","reason":"signed out"}""");
        Assert.Equal(["shop broadcast lobby changed", "shop disconnected ana connection c1 signed out"], _records);

        await using var ana = await JoinedAsync();
        _host.Calls.On<AuditEntry, RecordAuditReply>("RecordAudit", (Func<AuditEntry, RecordAuditReply>)(_ =>
            throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Unavailable, "away"))));

        Assert.Equal(503, (await AskAsync(HttpMethod.Post, "/api/v1/server/disconnect", """{"user_id":"ana"}""")).Status);
        Assert.Equal(1, _host.Of<SessionRegistry>().Count);
    }

    [Fact]
    public async Task Users_and_wrong_keys_are_kept_out()
    {
        Assert.Equal((403, 40301, "forbidden"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/server/connections?user_id=ana", "ana")).Problem);
        Assert.Equal((401, 40102, "invalid_token"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/server/connections?user_id=ana", userId: null, null, ("X-Api-Key", "wrong"))).Problem);
        Assert.Equal((401, 40101, "auth_required"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/server/connections?user_id=ana", userId: null)).Problem);
        Assert.Equal(200, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/server/connections?user_id=ana", _host.Token("job", role: "service"))).Status);
        Assert.DoesNotContain(_host.Log, line => line.Contains(Key, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/api/v1/server/broadcast", "{}")]
    [InlineData("/api/v1/server/broadcast", """{"event":"e"}""")]
    [InlineData("/api/v1/server/broadcast", """{"event":"e","user_id":"a","all":true}""")]
    [InlineData("/api/v1/server/broadcast", """{"event":"e","room_id":"a b"}""")]
    [InlineData("/api/v1/server/disconnect", "{}")]
    [InlineData("/api/v1/server/disconnect", "[]")]
    [InlineData("/api/v1/server/messages", """{"content":"a"}""")]
    [InlineData("/api/v1/server/messages", """{"room_id":"lobby","user_id":"","content":"a"}""")]
    public async Task What_is_malformed_is_a_bad_request(string path, string body) =>
        Assert.Equal((400, 40001, "bad_request"), (await AskAsync(HttpMethod.Post, path, body)).Problem);

    [Theory]
    [InlineData("shop")]
    [InlineData("shop:1234")]
    [InlineData(":aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void An_entry_that_is_no_key_keeps_the_process_from_starting(string entry) => Assert.Null(ServiceKeys.Parse(entry));

    private Task<HttpAnswer> AskAsync(HttpMethod method, string path, string? body = null, params (string, string)[] headers) =>
        _host.SendAsync(method, path, userId: null, body, [("X-Api-Key", Key), .. headers]);

    private async Task<EventStreamReader> JoinedAsync()
    {
        var stream = await _host.StreamAsync("/api/v1/stream?rooms=a", "ana");
        var join = await _host.CommandAsync(Command.BodyOneofCase.Join);
        await _host.ReplyAsync(join, reply => reply.Joined = new Joined { Epoch = HttpHost.Epoch, Seq = 5, OwnerEpoch = 1, Members = 1, Role = "member" });
        await stream.NextAsync("joined");
        return stream;
    }
}
