namespace Tertulia.WebSocket.Tests;

/// <summary>What is a request for a WebSocket (RFC 6455, 4.2.1), and what is answered to what is none.</summary>
[Collection(ServersCollection.Name)]
public sealed class HandshakeTests(Servers servers)
{
    private static readonly (string What, string Request, string Status)[] Requests =
    [
        ("right", RawClient.Handshake(), "101"),
        ("names in any case, more tokens", RawClient.Handshake().Replace("Connection: Upgrade\r\nUpgrade: websocket", "connection: keep-alive, UPGRADE\r\nUPGRADE: h2c, WebSocket", StringComparison.Ordinal), "101"),
        ("HTTP/1.0", RawClient.Handshake(line: "GET /ws?user_id=ana HTTP/1.0"), "426"),
        ("HTTP/1.0 to a room", RawClient.Handshake(line: "GET /ws/lobby?user_id=ana HTTP/1.0"), "426"),
        ("no upgrade", "GET /ws?user_id=ana HTTP/1.1\r\nHost: {host}\r\n\r\n", "426"),
        ("HTTP/1.0 without an upgrade", "GET /ws?user_id=ana HTTP/1.0\r\nHost: {host}\r\n\r\n", "426"),
        ("version 8", RawClient.Handshake().Replace("Version: 13", "Version: 8", StringComparison.Ordinal), "426"),
        ("no version", RawClient.Handshake().Replace("Sec-WebSocket-Version: 13\r\n", "", StringComparison.Ordinal), "426"),
        ("no key", RawClient.Handshake().Replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", StringComparison.Ordinal), "426"),
        ("a key of 15 bytes", RawClient.Handshake().Replace("dGhlIHNhbXBsZSBub25jZQ==", "MDEyMzQ1Njc4OTAxMjM0", StringComparison.Ordinal), "426"),
        ("a key that is no base64", RawClient.Handshake().Replace("dGhlIHNhbXBsZSBub25jZQ==", "????????????????????????", StringComparison.Ordinal), "426"),
        ("another upgrade", RawClient.Handshake().Replace("Upgrade: websocket", "Upgrade: h2c", StringComparison.Ordinal), "426"),
        ("no host", RawClient.Handshake().Replace("Host: {host}\r\n", "", StringComparison.Ordinal), "400"),
        ("another path", RawClient.Handshake(line: "GET /wsx HTTP/1.1"), "404"),
        ("/ws/stats: a reserved name, said on the socket", RawClient.Handshake(line: "GET /ws/stats?user_id=ana HTTP/1.1"), "101"),
    ];

    public static TheoryData<string, string> Cases()
    {
        var table = new TheoryData<string, string>();
        foreach (var (what, _, _) in Requests)
        {
            foreach (var target in Servers.Targets)
            {
                table.Add(target, what);
            }
        }

        return table;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_handshake_is_accepted_or_refused_with_a_status(string target, string what)
    {
        var (_, request, status) = Requests.Single(one => one.What == what);

        using var client = await RawClient.AskAsync(servers.Of(target), request);

        Assert.Equal(status, client.Answer.Split(' ')[1]);
        if (status == "426")
        {
            Assert.Equal("13", client.Header("Sec-WebSocket-Version"));
        }
    }

    public static TheoryData<string, string, string> Rooms()
    {
        var table = new TheoryData<string, string, string>();
        foreach (var (path, expect) in new[]
        {
            ("/ws/Stats", "connected Stats"), ("/ws/STATS", "connected STATS"), ("/ws/stats", "error bad_request"), ("/ws/Notifications", "connected Notifications"),
            ("/ws/notifications", "connected to notifications"), ("/ws/%53tats", "connected Stats"), ("/ws/...", "connected ..."), ("/ws/.a", "connected .a"),
            ("/ws/.", "HTTP 400"), ("/ws/..", "HTTP 400"), ("/ws/%2e", "HTTP 400"), ("/ws/%2E%2e", "HTTP 400"), ("/ws/.%2e", "HTTP 400"), ("/ws/a/../b", "HTTP 400"), ("/ws/./b", "HTTP 400"),
        })
        {
            foreach (var target in Servers.Targets)
            {
                table.Add(target, path, expect);
            }
        }

        return table;
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public async Task A_room_is_entered_by_its_exact_name_everywhere_or_nowhere(string target, string path, string expect)
    {
        using var client = await RawClient.AskAsync(servers.Of(target), RawClient.Handshake(line: $"GET {path}?user_id=ana HTTP/1.1"));

        Assert.Equal(expect, client.Answer.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal) ? await client.GreetingAsync() : $"HTTP {client.Answer.Split(' ')[1]}");
    }

    [Theory]
    [InlineData("node")]
    [InlineData("gateway, links")]
    [InlineData("gateway, proxy")]
    public async Task Statistics_are_at_their_exact_path(string target)
    {
        using var http = new HttpClient { BaseAddress = servers.Of(target) };

        Assert.Equal(200, (int)(await http.GetAsync("/ws/stats")).StatusCode);
        Assert.Equal(426, (int)(await http.GetAsync("/ws/Stats")).StatusCode);
    }

    [Theory]
    [InlineData("gateway, links", "/health")]
    [InlineData("gateway, links", "/health/live")]
    [InlineData("gateway, links", "/health/ready")]
    [InlineData("node", "/health")]
    [InlineData("node", "/health/live")]
    [InlineData("node", "/health/ready")]
    public async Task Health_answers_HEAD_as_GET_without_the_body(string target, string path)
    {
        using var http = new HttpClient { BaseAddress = servers.Of(target) };
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using var answer = await http.SendAsync(request);

        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }
}
