using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using Tertulia.Testing;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway.Tests;

public sealed class HealthTests : IAsyncLifetime
{
    private TestNode _a = null!;
    private TestNode _b = null!;

    public async Task InitializeAsync() => (_a, _b) = (await TestNode.StartAsync("a"), await TestNode.StartAsync("b"));

    public async Task DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_is_not_ready_gets_no_new_clients_keeps_its_old_ones_and_may_come_back()
    {
        await using var gateway = await TestGateway.StartAsync([_a, _b]);
        using var old = await OpenOnAsync(gateway, "a");

        _a.IsReady = false;
        await gateway.KnowsAsync([_a, _b], node => node == _b);

        Assert.Equal("hola", await old.EchoAsync("hola"));
        for (var i = 0; i < 20; i++)
        {
            using var answer = await gateway.Http.GetAsync("/api/v1/rooms");
            Assert.Equal("b", answer.Headers.GetValues("X-Node").Single());
        }

        _a.IsReady = true;
        await gateway.KnowsAsync([_a, _b], _ => true);
        using var back = await OpenOnAsync(gateway, "a");
        Assert.Equal("hola", await back.EchoAsync("hola"));
    }

    [Fact]
    public async Task Requests_do_not_fail_while_the_probes_have_not_noticed_that_a_node_is_dead()
    {
        await using var gateway = await TestGateway.StartAsync([_a, _b], "Gateway:HealthInterval=00:01:00");

        await _a.KillAsync();

        for (var i = 0; i < 20; i++)
        {
            using var answer = await gateway.Http.GetAsync("/api/v1/rooms");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Without_a_node_a_handshake_is_refused_with_a_problem_and_the_gateway_is_not_ready()
    {
        await using var gateway = await TestGateway.StartAsync([_a, _b]);

        (_a.IsReady, _b.IsReady) = (false, false);
        await gateway.KnowsAsync([], _ => false);

        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}/ws"), CancellationToken.None));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, socket.HttpStatusCode);

        using var answer = await gateway.Http.GetAsync("/api/v1/rooms");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("unavailable", 50301, true), (problem.GetProperty("name").GetString(), problem.GetProperty("code").GetInt32(), problem.GetProperty("temporary").GetBoolean()));
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);

        using var ready = await gateway.Http.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        using var live = await gateway.Http.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    [Fact]
    public async Task The_summary_shows_every_node()
    {
        _b.IsReady = false;
        await using var gateway = await TestGateway.StartAsync([_a, _b]);
        await Eventually.HoldsAsync(() => gateway.HealthOf(_b) == DestinationHealth.Unhealthy, "the probe has found that b is not ready");

        var health = await gateway.Http.GetFromJsonAsync<JsonElement>("/health");
        using var head = await gateway.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/health"));
        using var nothing = await gateway.Http.GetAsync("/nothing");

        Assert.Equal("ok", health.GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (nothing.StatusCode, nothing.Content.Headers.ContentType?.MediaType));
        Assert.Equal("gateway", health.GetProperty("service").GetString());
        var nodes = health.GetProperty("destinations").EnumerateArray().ToDictionary(
            node => node.GetProperty("address").GetString()!, node => node.GetProperty("health").GetString());
        Assert.Equal(new Dictionary<string, string?> { [_a.Address] = "healthy", [_b.Address] = "unhealthy" }, nodes);
    }

    private static async Task<ClientWebSocket> OpenOnAsync(TestGateway gateway, string node)
    {
        while (true)
        {
            var socket = await gateway.OpenAsync();
            if (socket.NodeOf() == node)
            {
                return socket;
            }

            socket.Dispose();
        }
    }
}
