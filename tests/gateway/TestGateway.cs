using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tertulia.Gateway.Draining;
using Tertulia.Gateway.Links;
using Tertulia.Hosting;
using Tertulia.Testing;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway.Tests;

/// <summary>The real gateway on a real port.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestGateway(WebApplication app, int port)
    {
        _app = app;
        Url = new Uri($"http://127.0.0.1:{port}");
        Http = new HttpClient { BaseAddress = Url };
    }

    public Uri Url { get; }

    public HttpClient Http { get; }

    private IProxyStateLookup State => _app.Services.GetRequiredService<IProxyStateLookup>();

    public AllLinks Links => _app.Services.GetRequiredService<AllLinks>();

    public int OpenSockets => _app.Services.GetRequiredService<OpenSockets>().Count;

    public string Id => _app.Services.GetRequiredService<ProcessIdentity>().Id;

    /// <param name="nodes">What it forwards to. Returns when it knows that they are ready.</param>
    /// <param name="settings">Configuration, <c>key=value</c>.</param>
    public static Task<TestGateway> StartAsync(IReadOnlyList<TestNode> nodes, params string[] settings) => StartAsync(nodes, log: null, settings);

    /// <param name="nodes">What it forwards to. Returns when it knows that they are ready.</param>
    /// <param name="log">Gets what it logs; null when nobody looks.</param>
    /// <param name="settings">Configuration, <c>key=value</c>.</param>
    public static async Task<TestGateway> StartAsync(IReadOnlyList<TestNode> nodes, ILoggerProvider? log, params string[] settings)
    {
        var port = FreePorts.Next();
        var builder = WebApplication.CreateBuilder([
            $"--urls=http://127.0.0.1:{port}",
            $"--Gateway:Nodes={string.Join(';', nodes.Select(node => node.Address))}",
            "--Gateway:HealthInterval=00:00:00.100",
            $"--Internal:Secret={TestNode.Secret}",
            .. settings.Select(setting => $"--{setting}")]);
        builder.AddDefaults("gateway");
        builder.AddGateway();
        builder.Logging.ClearProviders();
        if (log is not null)
        {
            builder.Logging.AddProvider(log);
        }

        var app = builder.Build();
        app.MapDefaults();
        app.MapGateway();
        await app.StartAsync();
        var gateway = new TestGateway(app, port);
        if (nodes.Any(node => node.IsReady))
        {
            await gateway.KnowsAsync(nodes, node => node.IsReady);
        }

        return gateway;
    }

    /// <summary>Waits until the probes have found these nodes, and no others, ready.</summary>
    public async Task KnowsAsync(IEnumerable<TestNode> nodes, Func<TestNode, bool> ready)
    {
        var expected = nodes.Where(ready).Select(node => node.Address).Order(StringComparer.Ordinal).ToArray();
        string[] Found() => [.. NodesReadiness.Nodes(State).Where(NodesReadiness.TakesClients).Select(node => node.DestinationId)];
        await Eventually.HoldsAsync(() => Found().SequenceEqual(expected), $"ready: {string.Join(' ', expected)}", () => string.Join(' ', Found()));
    }

    /// <summary>What the last probe found.</summary>
    public DestinationHealth HealthOf(TestNode node) =>
        NodesReadiness.Nodes(State).Single(destination => destination.DestinationId == node.Address).Health.Active;

    public async Task<ClientWebSocket> OpenAsync(string path = "/ws", Action<ClientWebSocketOptions>? configure = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        socket.Options.CollectHttpResponseDetails = true;
        configure?.Invoke(socket.Options);
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        await socket.ConnectAsync(new Uri($"ws://{Url.Authority}{path}"), deadline.Token);
        return socket;
    }

    /// <summary>SIGTERM: completes when it has stopped.</summary>
    public async Task StopAsync()
    {
        _app.Lifetime.StopApplication();
        await _app.StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}
