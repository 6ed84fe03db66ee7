using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Tertulia.Gateway.Draining;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

public sealed class DrainTests : IAsyncLifetime
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
    public async Task A_gateway_that_stops_has_every_node_move_its_clients_and_waits_for_them()
    {
        await using var gateway = await TestGateway.StartAsync([_a, _b], "Drain:Grace=00:00:20");
        using var ana = await gateway.OpenAsync();

        var stopping = gateway.StopAsync();

        foreach (var node in new[] { _a, _b })
        {
            var move = await node.Moves.NextAsync();
            Assert.Equal((gateway.Id, 1_000u), (move.GatewayId, move.WithinMs)); // 500 a second, but not all of a few at once.
        }

        Assert.Equal("closed 4001", await ana.ReceiveTextAsync());
        Assert.False(stopping.IsCompleted);
        using var ready = await gateway.Http.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);

        await ana.CloseOutputAsync(TestNode.Draining, null, CancellationToken.None);
        await Eventually.CompletesAsync(stopping, "the gateway has stopped after its last client left");
    }

    [Fact]
    public async Task A_node_that_does_not_answer_in_time_is_asked_again_and_the_gateway_stops_in_order()
    {
        _a.LateMoves = 1;
        await using var gateway = await TestGateway.StartAsync([_a], "Drain:Grace=00:00:20");
        using var ana = await gateway.OpenAsync();

        var stopping = gateway.StopAsync();
        await _a.Moves.NextAsync();
        await _a.Moves.NextAsync();

        Assert.Equal("closed 4001", await ana.ReceiveTextAsync());
        await ana.CloseOutputAsync(TestNode.Draining, null, CancellationToken.None);
        await Eventually.CompletesAsync(stopping, "the gateway has stopped after its last client left"); // What it threw would end the process with SIGABRT.
    }

    [Fact]
    public async Task Without_clients_it_stops_at_once_and_asks_nobody()
    {
        await using var gateway = await TestGateway.StartAsync([_a], "Drain:Grace=00:01:00");

        await Eventually.CompletesAsync(gateway.StopAsync(), "the gateway has stopped", TimeSpan.FromSeconds(10));

        Assert.Equal(0, _a.Moves.Waiting);
    }

    [Fact]
    public async Task A_node_that_goes_away_is_passed_over_before_the_probes_know()
    {
        await using var gateway = await TestGateway.StartAsync([_a, _b]);
        _a.BeginsToLeave();

        for (var i = 0; i < 10; i++)
        {
            using var socket = await gateway.OpenAsync(); // Would go to the first node, which has fewer clients.
            Assert.Equal("b", socket.NodeOf());
            Assert.Equal("hola", await socket.EchoAsync("hola"));
        }
    }

    [Fact]
    public async Task A_node_that_goes_away_takes_clients_when_there_is_no_other_one()
    {
        await using var gateway = await TestGateway.StartAsync([_a]);
        _a.BeginsToLeave();

        using var socket = await gateway.OpenAsync(); // It moves them itself: a browser does not see why a handshake failed.

        Assert.Equal("hola", await socket.EchoAsync("hola"));
    }

    [Fact]
    public void A_socket_that_has_left_meanwhile_is_not_cut()
    {
        using var provider = new ServiceCollection().AddMetrics().AddSingleton<Telemetry>().AddSingleton<OpenSockets>().BuildServiceProvider();
        var sockets = provider.GetRequiredService<OpenSockets>();
        var cuts = new List<string>();
        IDisposable? second = null;
        using var first = sockets.Open(() =>
        {
            cuts.Add("first");
            second!.Dispose();
        });
        second = sockets.Open(() =>
        {
            cuts.Add("second");
            first.Dispose();
        });

        sockets.CutAll(); // Has both in its hands when the one that it cuts first lets the other one go.

        Assert.Single(cuts);
    }
}
