namespace Tertulia.Gateway.Tests;

public sealed class CorsTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_page_of_a_listed_origin_may_call_and_is_told_so_before_it_does()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:CorsOrigins=https://app.example.com;https://admin.example.com");

        var preflight = await AskAsync(gateway, HttpMethod.Options, "https://admin.example.com");
        Assert.Equal("https://admin.example.com", preflight["Access-Control-Allow-Origin"]);
        Assert.Equal("true", preflight["Access-Control-Allow-Credentials"]);
        Assert.Equal("POST", preflight["Access-Control-Allow-Methods"]);
        Assert.Equal("authorization,idempotency-key", preflight["Access-Control-Allow-Headers"]);
        Assert.DoesNotContain("X-Node", preflight.Keys);

        var answer = await AskAsync(gateway, HttpMethod.Get, "https://app.example.com");
        Assert.Equal("https://app.example.com", answer["Access-Control-Allow-Origin"]);
        Assert.Equal("a", answer["X-Node"]);
    }

    [Theory]
    [InlineData("Gateway:CorsOrigins=")]
    [InlineData("Gateway:CorsOrigins=https://app.example.com")]
    public async Task A_page_of_another_origin_may_not(string setting)
    {
        await using var gateway = await TestGateway.StartAsync([_node], setting);

        Assert.DoesNotContain("Access-Control-Allow-Origin", (await AskAsync(gateway, HttpMethod.Options, "https://evil.example")).Keys);
        Assert.DoesNotContain("Access-Control-Allow-Origin", (await AskAsync(gateway, HttpMethod.Get, "https://evil.example")).Keys);
    }

    [Fact]
    public async Task Any_origin_means_without_credentials()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:CorsOrigins=*");

        var answer = await AskAsync(gateway, HttpMethod.Get, "https://anyone.example");

        Assert.Equal("*", answer["Access-Control-Allow-Origin"]);
        Assert.DoesNotContain("Access-Control-Allow-Credentials", answer.Keys);
    }

    private static async Task<Dictionary<string, string>> AskAsync(TestGateway gateway, HttpMethod method, string origin)
    {
        using var request = new HttpRequestMessage(method, "/api/v1/rooms");
        request.Headers.Add("Origin", origin);
        if (method == HttpMethod.Options)
        {
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "authorization,idempotency-key");
        }

        using var answer = await gateway.Http.SendAsync(request);
        return answer.Headers.ToDictionary(header => header.Key, header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase);
    }
}
