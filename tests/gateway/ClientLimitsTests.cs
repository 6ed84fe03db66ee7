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

    private readonly ManualTime _time = new();

    [Fact]
    public void A_burst_is_allowed_then_the_rate_and_each_address_has_its_own()
    {
        var limits = Limits(new ClientLimitOptions { RequestsPerSecond = 10, RequestBurst = 3 });

        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => limits.TryRequest(Ana, out var _)));
        Assert.False(limits.TryRequest(Ana, out var retryAfterMs));
        Assert.Equal(100, retryAfterMs);
        Assert.True(limits.TryRequest(Bruno, out _));

        _time.Advance(TimeSpan.FromMilliseconds(retryAfterMs));
        Assert.True(limits.TryRequest(Ana, out _));
        Assert.False(limits.TryRequest(Ana, out _));
    }

    [Fact]
    public void A_pause_gives_back_the_burst_and_no_more()
    {
        var limits = Limits(new ClientLimitOptions { RequestsPerSecond = 10, RequestBurst = 3 });
        Assert.True(limits.TryRequest(Ana, out _));

        _time.Advance(TimeSpan.FromHours(1));

        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => limits.TryRequest(Ana, out var _)));
    }

    [Fact]
    public void An_ipv6_network_counts_as_one_address()
    {
        var limits = Limits(new ClientLimitOptions { SocketsPerAddress = 1 });

        Assert.True(limits.TryOpenSocket(IPAddress.Parse("2001:db8:1:2::1")));
        Assert.False(limits.TryOpenSocket(IPAddress.Parse("2001:db8:1:2:ffff::9")));
        Assert.True(limits.TryOpenSocket(IPAddress.Parse("2001:db8:1:3::1")));
        Assert.True(limits.TryOpenSocket(Ana));
        Assert.False(limits.TryOpenSocket(Ana.MapToIPv6()));
        Assert.True(limits.TryOpenSocket(Bruno.MapToIPv6()));
    }

    [Fact]
    public void Zero_is_no_limit()
    {
        var limits = Limits(new ClientLimitOptions { SocketsPerAddress = 0, RequestsPerSecond = 0, RequestBurst = 1 });

        Assert.All(Enumerable.Range(0, 1_000), _ => Assert.True(limits.TryOpenSocket(Ana) && limits.TryRequest(Ana, out var _)));
    }

    [Fact]
    public void Addresses_that_use_nothing_are_forgotten_and_the_others_are_not()
    {
        var limits = Limits(new ClientLimitOptions { SocketsPerAddress = 1, RequestsPerSecond = 1, RequestBurst = 1 });
        Assert.True(limits.TryOpenSocket(Ana));
        for (var i = 0; i < 50_001; i++)
        {
            Assert.True(limits.TryRequest(new IPAddress(0x0A000000 + i), out _));
        }

        _time.Advance(TimeSpan.FromSeconds(11));

        Assert.False(limits.TryOpenSocket(Ana));
        Assert.Equal(1, limits.Addresses);
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

    private ClientLimits Limits(ClientLimitOptions options) => new(Options.Create(options), _time);
}
