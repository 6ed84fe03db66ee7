using System.Diagnostics;
using Tertulia.Connections.Tests.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class HttpAccessTests
{
    private const string Rooms = "/api/v1/rooms";

    [Fact]
    public async Task Who_does_not_say_who_it_is_is_told_how()
    {
        await using var host = await StartAsync();

        var nobody = await host.SendAsync(HttpMethod.Get, Rooms, userId: null);
        Assert.Equal((401, 40101, "auth_required"), nobody.Problem);
        Assert.Equal("Bearer", nobody.Headers["WWW-Authenticate"]);
        Assert.Equal((401, 40102, "invalid_token"), (await host.SendRawAsync(HttpMethod.Get, Rooms, "nonsense")).Problem);
        var old = TokenIssuer.Hs256(new { sub = "ana", exp = host.Time.GetUtcNow().ToUnixTimeSeconds() - 60 });
        Assert.Equal((401, 40103, "token_expired"), (await host.SendRawAsync(HttpMethod.Get, Rooms, old)).Problem);
        Assert.Equal((401, 40101, "auth_required"), (await host.SendAsync(HttpMethod.Get, Rooms + "?user_id=ana", userId: null)).Problem);
    }

    [Fact]
    public async Task A_token_of_the_query_is_taken_and_not_logged()
    {
        await using var host = await StartAsync();
        var token = host.Token("ana");

        Assert.Equal(200, (await host.SendAsync(HttpMethod.Get, $"{Rooms}?token={token}", userId: null)).Status);

        Assert.DoesNotContain(host.Log, line => line.Contains(token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_user_has_one_allowance_for_all_requests_and_is_told_when_to_come_back()
    {
        await using var host = await StartAsync(("Limits:EventsPerMinute", "3"));

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await host.SendAsync(HttpMethod.Get, Rooms, "ana")).Status);
        }

        var refused = await host.SendAsync(HttpMethod.Get, Rooms, "ana");
        Assert.Equal((429, 42901, "rate_limited"), refused.Problem);
        Assert.Equal(("20", 20_000), (refused.Headers["Retry-After"], refused.Json.GetProperty("retry_after_ms").GetInt32()));
        Assert.Equal(200, (await host.SendAsync(HttpMethod.Get, Rooms, "bruno")).Status);
        host.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(200, (await host.SendAsync(HttpMethod.Get, Rooms, "ana")).Status);
    }

    [Theory]
    [InlineData("GET", "/api/v1/nothing", 404, null)]
    [InlineData("PATCH", "/api/v1/rooms", 405, "GET, HEAD, OPTIONS, POST")]
    [InlineData("HEAD", "/api/v1/rooms/lobby/kicks", 405, "OPTIONS, POST")]
    [InlineData("HEAD", "/api/v1/stream", 405, "GET, OPTIONS")]
    [InlineData("POST", "/api/v1/rooms/lobby/messages", 415, null)]
    public async Task What_there_is_not_is_a_problem_too(string method, string path, int status, string? allowed)
    {
        await using var host = await StartAsync();
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(host.Address, path));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + host.Token("ana"));
        request.Content = status == 415 ? new StringContent("hola") : null;

        using var answer = await http.SendAsync(request);

        Assert.Equal((status, "application/problem+json"), ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        Assert.Equal(allowed, answer.Content.Headers.Allow.Count == 0 ? null : string.Join(", ", answer.Content.Headers.Allow.Order()));
        if (method != "HEAD")
        {
            var problem = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal((status, 40001, "bad_request", false), (
                problem.GetProperty("status").GetInt32(), problem.GetProperty("code").GetInt32(), problem.GetProperty("name").GetString(), problem.GetProperty("temporary").GetBoolean()));
        }
    }

    [Fact]
    public async Task Head_is_get_without_a_body_and_options_says_what_there_is()
    {
        await using var host = await StartAsync();

        var get = await host.SendAsync(HttpMethod.Get, Rooms, "ana");
        var head = await host.SendAsync(HttpMethod.Head, Rooms, "ana");
        var known = await host.SendAsync(HttpMethod.Head, Rooms, "ana", null, ("If-None-Match", get.Headers["ETag"]));
        var options = await host.SendAsync(HttpMethod.Options, Rooms, userId: null);

        Assert.Equal((200, "", get.Headers["ETag"], get.Headers["Content-Length"]), (head.Status, head.Body, head.Headers["ETag"], head.Headers["Content-Length"]));
        Assert.Equal((304, ""), (known.Status, known.Body));
        Assert.Equal((204, "", "GET,POST,HEAD,OPTIONS"), (options.Status, options.Body, options.Headers["Allow"]));
    }

    [Fact]
    public async Task What_does_not_work_now_says_when_to_come_back()
    {
        await using var host = await HttpHost.StartAsync();

        var refused = await host.SendAsync(HttpMethod.Post, "/api/v1/presence/users", "ana", """{"user_ids":["bruno"]}""");

        Assert.Equal((503, 50301, "unavailable"), refused.Problem);
        Assert.Equal(("1", 1_000), (refused.Headers["Retry-After"], refused.Json.GetProperty("retry_after_ms").GetInt32()));
    }

    [Theory]
    [InlineData("/api/v1/rooms/no%20room/messages")]
    [InlineData("/api/v1/rooms/a%00b/messages")]
    [InlineData("/api/v1/messages/a%00b")]
    public async Task Ids_in_the_path_are_checked(string path)
    {
        await using var host = await StartAsync();

        Assert.Equal(400, (await host.SendAsync(HttpMethod.Get, path, "ana")).Status);
    }

    [Fact]
    public async Task A_bug_is_an_internal_error_without_its_text()
    {
        await using var host = await StartAsync();
        host.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", ListRoomsReply (_) => throw new InvalidOperationException("the inside"));

        var answer = await host.SendAsync(HttpMethod.Get, Rooms, "ana");

        Assert.Equal((500, 50001, "internal"), answer.Problem);
        Assert.DoesNotContain("inside", answer.Body, StringComparison.Ordinal);
        Assert.Contains(host.Log, line => line.Contains("failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_trace_of_a_request_goes_on_in_its_command()
    {
        await using var host = await StartAsync();
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> span) =>
                span.TraceId.ToHexString() == "0af7651916cd43dd8448eb211c80319c" ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(listener);

        var posted = host.SendAsync(HttpMethod.Post, $"{Rooms}/lobby/messages", "ana", """{"content":"a"}""", ("traceparent", Trace));
        var command = await host.CommandAsync(Command.BodyOneofCase.Send);
        await host.ReplyAsync(command, reply => reply.Stored = new Stored { MessageId = command.Send.MessageId, Seq = 1 });

        Assert.Equal(201, (await posted).Status);
        Assert.Contains("0af7651916cd43dd8448eb211c80319c", command.Traceparent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://app.example.com", "https://app.example.com", "https://app.example.com", "true")]
    [InlineData("https://app.example.com", "https://evil.example", null, null)]
    [InlineData("*", "https://anyone.example", "*", null)]
    [InlineData(null, "https://anyone.example", null, null)]
    public async Task Pages_that_may_open_a_socket_may_call_a_node_that_has_no_gateway(string? allowed, string origin, string? answered, string? credentials)
    {
        await using var host = await StartAsync(allowed is null ? [] : [("Sockets:AllowedOrigins:0", allowed)]);

        var preflight = await host.SendAsync(HttpMethod.Options, Rooms, userId: null, null,
            ("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization"));
        var answer = await host.SendAsync(HttpMethod.Get, Rooms, "ana", null, ("Origin", origin));

        foreach (var headers in new[] { preflight.Headers, answer.Headers })
        {
            Assert.Equal(answered, headers.GetValueOrDefault("Access-Control-Allow-Origin"));
            Assert.Equal(credentials, headers.GetValueOrDefault("Access-Control-Allow-Credentials"));
        }

        Assert.Equal(200, answer.Status);
    }

    private static async Task<HttpHost> StartAsync(params (string Key, string Value)[] settings)
    {
        var host = await HttpHost.StartAsync(settings);
        host.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", _ => new ListRoomsReply());
        return host;
    }
}
