using Tertulia.Connections.Tests.Auth;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>What admins and services do to tokens, and the log of it: what is asked of who has them, and what is refused before.</summary>
public sealed class SecurityEndpointsTests : IAsyncLifetime
{
    private const string Revoke = "/api/v1/auth/revoke";

    private readonly List<RevokeRequest> _revoked = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Auth:RevocationLife", "10.00:00:00"));
        _host.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", _ => new ListRoomsReply());
        _host.Calls.On<RevokeRequest, Revocation>("Revoke", request =>
        {
            _revoked.Add(request);
            return new Revocation
            {
                Number = 1, TokenId = request.TokenId, UserId = request.UserId, RoomId = request.RoomId, RevokedAtMs = NowMs, ExpiresAtMs = request.ExpiresAtMs,
            };
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    private long NowMs => _host.Time.GetUtcNow().ToUnixTimeMilliseconds();

    [Fact]
    public async Task A_user_who_is_revoked_is_refused_here_when_it_is_answered()
    {
        Assert.Equal(200, (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms", "ana")).Status);

        var answer = await AskAsync("""{"user_id":"ana","reason":"left"}""");

        Assert.Equal((200, "ana"), (answer.Status, answer.Json.GetProperty("user_id").GetString()));
        Assert.False(answer.Json.TryGetProperty("room_id", out _));
        var asked = Assert.Single(_revoked);
        Assert.Equal(("root", "admin", "ana", "left"), (asked.Actor.UserId, asked.Actor.Role, asked.UserId, asked.Reason));
        Assert.Equal(NowMs + (long)TimeSpan.FromDays(10).TotalMilliseconds, asked.ExpiresAtMs);
        Assert.Equal((401, 40104, "token_revoked"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms", "ana")).Problem);
        Assert.Equal(200, (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms", "bruno")).Status);
    }

    [Fact]
    public async Task One_token_is_revoked_by_its_id_until_it_ends()
    {
        string Token(string jti) => TokenIssuer.Hs256(new { sub = "ana", exp = _host.Time.GetUtcNow().ToUnixTimeSeconds() + 3600, jti });
        var end = _host.Time.GetUtcNow().AddHours(1);

        Assert.Equal(200, (await AskAsync($$"""{"jti":"t1","expires_at":"{{end:O}}"}""")).Status);

        Assert.Equal(("t1", "", end.ToUnixTimeMilliseconds()), (_revoked[0].TokenId, _revoked[0].UserId, _revoked[0].ExpiresAtMs));
        Assert.Equal((401, 40104, "token_revoked"), (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/rooms", Token("t1"))).Problem);
        Assert.Equal(200, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/rooms", Token("t2"))).Status);
    }

    [Fact]
    public async Task A_user_in_a_room_is_revoked_there_and_numbers_are_ids()
    {
        Assert.Equal(200, (await AskAsync("""{"user_id":42,"room_id":7}""")).Status);

        Assert.Equal(("42", "7"), (_revoked[0].UserId, _revoked[0].RoomId));
        Assert.Equal(200, (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms", "42")).Status);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"jti":"t1","user_id":"ana"}""")]
    [InlineData("""{"jti":""}""")]
    [InlineData("""{"user_id":"a\u0000b"}""")]
    [InlineData("""{"user_id":["ana"]}""")]
    [InlineData("""{"user_id":"\ud800"}""")]
    [InlineData("""{"room_id":"no room"}""")]
    [InlineData("""{"user_id":"ana","expires_at":"tomorrow"}""")]
    [InlineData("""{"user_id":"ana","expires_at":7}""")]
    [InlineData("""{"user_id":"ana","reason":7.5}""")]
    [InlineData("""{"user_id":"ana" """)]
    public async Task What_says_nothing_is_refused(string body)
    {
        Assert.Equal((400, 40001, "bad_request"), (await AskAsync(body)).Problem);
        Assert.Empty(_revoked);
    }

    [Fact]
    public async Task Users_and_who_is_too_long_revoke_nothing()
    {
        Assert.Equal((403, 40301, "forbidden"), (await _host.SendAsync(HttpMethod.Post, Revoke, "ana", """{"user_id":"bruno"}""")).Problem);
        Assert.Equal((401, 40101, "auth_required"), (await _host.SendAsync(HttpMethod.Post, Revoke, userId: null, """{"user_id":"bruno"}""")).Problem);
        Assert.Equal((413, 40005, "too_large"), (await AskAsync($$"""{"user_id":"bruno","reason":"{{new string('a', 20_000)}}"}""")).Problem);
        Assert.Empty(_revoked);
    }

    [Fact]
    public async Task What_the_service_refuses_is_passed_on_and_nobody_is_revoked_here()
    {
        _host.Calls.On<RevokeRequest, Revocation>("Revoke", Revocation (_) => throw RpcErrors.Refuse(ErrorCode.LimitExceeded, "there are too many"));

        var refused = await AskAsync("""{"user_id":"ana"}""");

        Assert.Equal((429, 42902, "limit_exceeded"), refused.Problem);
        Assert.False(refused.Headers.ContainsKey("Retry-After"), "it does not help to come back");
        Assert.Equal(200, (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms", "ana")).Status);
    }

    [Fact]
    public async Task The_log_is_asked_by_what_the_query_says_and_paged_by_its_next()
    {
        var asked = new List<ListAuditRequest>();
        _host.Calls.On<ListAuditRequest, ListAuditReply>("ListAudit", request =>
        {
            asked.Add(request);
            return new ListAuditReply
            {
                HasMore = asked.Count == 1,
                Entries = { new AuditEntry { Id = "r1", AtMs = 1_900_000_000_000, ActorId = "root", Action = "user_revoked", TargetId = "ana", Detail = "left" } },
            };
        });
        var token = _host.Token("root", "admin");

        var first = await _host.SendRawAsync(HttpMethod.Get, "/api/v1/audit?actor_id=root&action=user_revoked&target_id=ana&limit=1", token);
        var next = first.Json.GetProperty("next").GetString();
        var last = await _host.SendRawAsync(HttpMethod.Get, $"/api/v1/audit?before={next}&room_id=lobby", token);

        Assert.Equal(
            $$"""{"items":[{"id":"r1","at":"2030-03-17T17:46:40.000Z","actor_id":"root","action":"user_revoked","target_id":"ana","detail":"left"}],"has_more":true,"next":"1900000000000:r1"}""",
            first.Body);
        Assert.False(last.Json.TryGetProperty("next", out _));
        Assert.Equal(("root", "user_revoked", "ana", "", 1, 0L), (asked[0].ActorId, asked[0].Action, asked[0].TargetId, asked[0].RoomId, asked[0].Limit, asked[0].BeforeMs));
        Assert.Equal(("", "lobby", 50, 1_900_000_000_000L, "r1"), (asked[1].ActorId, asked[1].RoomId, asked[1].Limit, asked[1].BeforeMs, asked[1].BeforeId));
        foreach (var bad in new[] { "before=r1", "before=x:r1", "before=-1:r1", "limit=many" })
        {
            Assert.Equal((400, 40001, "bad_request"), (await _host.SendRawAsync(HttpMethod.Get, $"/api/v1/audit?{bad}", token)).Problem);
        }

        Assert.Equal(2, asked.Count);
    }

    private Task<HttpAnswer> AskAsync(string body) =>
        _host.SendRawAsync(HttpMethod.Post, Revoke, _host.Token("root", "admin"), System.Text.Encoding.UTF8.GetBytes(body));
}
