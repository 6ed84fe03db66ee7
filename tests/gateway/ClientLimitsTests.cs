using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Gateway.Limits;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

public sealed class ClientLimitsTests
{
    private static readonly IPAddress Ana = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress Bruno = IPAddress.Parse("192.0.2.2");

    [Fact]
    public async Task A_burst_is_allowed_then_the_rate_and_each_address_has_its_own()
    {
        using var limits = Limits(new ClientLimitOptions { RequestsPerSecond = 1, RequestBurst = 3 });

        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => limits.TryRequest(Ana, out var _)));
        Assert.False(limits.TryRequest(Ana, out var retryAfterMs));
        Assert.Equal(1_000, retryAfterMs);
        Assert.True(limits.TryRequest(Bruno, out _));

        await Eventually.HoldsAsync(() => limits.TryRequest(Ana, out var _), "a second has given another one");
    }

    [Theory]
    [InlineData(500, 5_000)]
    [InlineData(7, 2)]
    [InlineData(1_000_000, 1)]
    public void Any_rate_and_burst_that_can_be_configured_are_taken(int rate, int burst)
    {
        using var limits = Limits(new ClientLimitOptions { RequestsPerSecond = rate, RequestBurst = burst });

        Assert.All(Enumerable.Range(0, Math.Min(burst, 100)), _ => Assert.True(limits.TryRequest(Ana, out var _)));
    }

    [Fact]
    public void An_ipv6_network_counts_as_one_address()
    {
        using var limits = Limits(new ClientLimitOptions { SocketsPerAddress = 1 });

        Assert.True(limits.TryOpenSocket(IPAddress.Parse("2001:db8:1:2::1"), out _));
        Assert.False(limits.TryOpenSocket(IPAddress.Parse("2001:db8:1:2:ffff::9"), out _));
        Assert.True(limits.TryOpenSocket(IPAddress.Parse("2001:db8:1:3::1"), out _));
        Assert.True(limits.TryOpenSocket(Ana, out _));
        Assert.False(limits.TryOpenSocket(Ana.MapToIPv6(), out _));
        Assert.True(limits.TryOpenSocket(Bruno.MapToIPv6(), out _));
    }

    [Fact]
    public void A_place_is_free_again_when_it_was_given_back()
    {
        using var limits = Limits(new ClientLimitOptions { SocketsPerAddress = 1 });
        Assert.True(limits.TryOpenSocket(Ana, out var place));
        Assert.False(limits.TryOpenSocket(Ana, out var none));

        none?.Dispose(); // Gives nothing back: it has nothing.
        Assert.False(limits.TryOpenSocket(Ana, out _));
        place!.Dispose();

        Assert.True(limits.TryOpenSocket(Ana, out _));
    }

    [Fact]
    public void Zero_is_no_limit()
    {
        using var limits = Limits(new ClientLimitOptions { SocketsPerAddress = 0, RequestsPerSecond = 0, RequestBurst = 1 });

        Assert.All(Enumerable.Range(0, 1_000), _ => Assert.True(limits.TryOpenSocket(Ana, out var _) && limits.TryRequest(Ana, out var _)));
    }

    [Fact]
    public async Task Too_many_requests_are_refused_with_429_and_probes_never()
    {
        await using var node = await TestNode.StartAsync("a");
        await using var gateway = await TestGateway.StartAsync([node], "Gateway:Limits:RequestsPerSecond=1", "Gateway:Limits:RequestBurst=2");

        HttpStatusCode[] statuses = [await StatusAsync(gateway), await StatusAsync(gateway), await StatusAsync(gateway)];
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], statuses);

        using var refused = await gateway.Http.GetAsync("/api/v1/rooms");
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("rate_limited", 42901), (problem.GetProperty("name").GetString(), problem.GetProperty("code").GetInt32()));
        Assert.InRange(problem.GetProperty("retry_after_ms").GetInt64(), 1, 1_000);

        using var health = await gateway.Http.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    [Fact]
    public async Task Too_many_sockets_are_refused_with_429_until_one_is_closed()
    {
        await using var node = await TestNode.StartAsync("a");
        await using var gateway = await TestGateway.StartAsync([node], "Gateway:Limits:SocketsPerAddress=2");
        using var first = await gateway.OpenAsync();
        using var second = await gateway.OpenAsync();

        using var refused = new ClientWebSocket();
        refused.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => refused.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}/ws"), CancellationToken.None));
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.HttpStatusCode);

        await first.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        await Eventually.HoldsAsync(() => gateway.OpenSockets == 1, "the closed socket is counted out", () => $"{gateway.OpenSockets} are open");
        using var third = await gateway.OpenAsync();
        Assert.Equal("hola", await third.EchoAsync("hola"));
    }

    private static async Task<HttpStatusCode> StatusAsync(TestGateway gateway)
    {
        using var answer = await gateway.Http.GetAsync("/api/v1/rooms");
        return answer.StatusCode;
    }

    private static ClientLimits Limits(ClientLimitOptions options) => new(Options.Create(options));
}
