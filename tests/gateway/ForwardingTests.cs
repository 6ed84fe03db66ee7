using System.Net;
using System.Net.Http.Json;

namespace Tertulia.Gateway.Tests;

public sealed class ForwardingTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task The_node_learns_the_gateway_and_the_address_and_nothing_that_a_client_claims_of_them()
    {
        await using var gateway = await TestGateway.StartAsync([_node]);

        var seen = await HeadersAsync(gateway, new()
        {
            ["X-Gateway-Id"] = "forged",
            ["X-Forwarded-For"] = "198.51.100.1",
            ["X-Forwarded-Proto"] = "https",
            ["X-Forwarded-Host"] = "forged.example",
            ["Forwarded"] = "for=198.51.100.1",
        });

        Assert.Equal(gateway.Id, seen["X-Gateway-Id"]);
        Assert.Equal("127.0.0.1", seen["X-Forwarded-For"]);
        Assert.Equal("http", seen["X-Forwarded-Proto"]);
        Assert.Equal(gateway.Url.Authority, seen["X-Forwarded-Host"]);
        Assert.DoesNotContain("Forwarded", seen.Keys);
    }

    [Fact]
    public async Task A_trusted_proxy_is_believed_and_only_as_far_as_it_is_trusted()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:TrustedProxies=127.0.0.0/8;10.0.0.0/8");

        var seen = await HeadersAsync(gateway, new()
        {
            ["X-Forwarded-For"] = "192.0.2.66, 203.0.113.9, 10.1.2.3",
            ["X-Forwarded-Proto"] = "https, https, https",
            ["X-Forwarded-Host"] = "a.example, chat.example, b.example",
        });

        Assert.Equal("203.0.113.9", seen["X-Forwarded-For"]);
        Assert.Equal("https", seen["X-Forwarded-Proto"]);
        Assert.Equal("chat.example", seen["X-Forwarded-Host"]);
    }

    [Fact]
    public async Task What_is_not_ascii_in_a_header_reaches_the_node_as_it_came()
    {
        await using var gateway = await TestGateway.StartAsync([_node]);
        using var http = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Url, "/api/v1/rooms"));
        request.Headers.TryAddWithoutValidation("Idempotency-Key", "canción-漢");

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("canción-漢", (await answer.Content.ReadFromJsonAsync<Dictionary<string, string>>())!["idempotency-key"]);
    }

    [Theory]
    [InlineData("/tertulia.v1.ConnectionService/MoveGatewayClients")]
    [InlineData("/wsx")]
    [InlineData("/startx")]
    public async Task Nothing_but_the_public_paths_is_reachable(string path)
    {
        await using var gateway = await TestGateway.StartAsync([_node]);

        using var answer = await gateway.Http.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.False(answer.Headers.Contains("X-Node"));
    }

    [Fact]
    public async Task Metrics_are_the_gateways_own_and_not_for_strangers()
    {
        await using var gateway = await TestGateway.StartAsync([_node]);

        using var answer = await gateway.Http.GetAsync("/metrics");

        Assert.Equal((HttpStatusCode.Unauthorized, ""), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.False(answer.Headers.Contains("X-Node"));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/start/page.css")]
    [InlineData("/favicon.ico")]
    [InlineData("/ws/stats")]
    [InlineData("/api/v1/rooms")]
    [InlineData("/socket.io/?EIO=4&transport=polling")]
    public async Task The_public_paths_are_forwarded(string path)
    {
        await using var gateway = await TestGateway.StartAsync([_node]);

        using var answer = await gateway.Http.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("a", answer.Headers.GetValues("X-Node").Single());
    }

    private static async Task<Dictionary<string, string>> HeadersAsync(TestGateway gateway, Dictionary<string, string> send)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/rooms");
        foreach (var (name, value) in send)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await gateway.Http.SendAsync(request);
        return new((await answer.Content.ReadFromJsonAsync<Dictionary<string, string>>())!, StringComparer.OrdinalIgnoreCase);
    }
}
