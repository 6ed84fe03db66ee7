using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Auth;
using Tertulia.Hosting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>A server that has nothing but the WebSocket way in; the flow behind it is the test's.</summary>
internal sealed class SocketHost : IAsyncDisposable
{
    private const string InternalSecret = "a-secret-of-the-processes-of-a-test";

    private readonly WebApplication _app;
    private readonly SocketsHttpHandler _handler = new();
    private readonly HttpMessageInvoker _invoker;

    private SocketHost(WebApplication app, EchoFlow flow, FakeTimeProvider time, ConcurrentQueue<string> log)
    {
        (_app, Flow, Time, Log) = (app, flow, time, log);
        _invoker = new HttpMessageInvoker(_handler, disposeHandler: false);
    }

    public EchoFlow Flow { get; }

    public FakeTimeProvider Time { get; }

    public ConcurrentQueue<string> Log { get; }

    public ConnectionCounts Counts => _app.Services.GetRequiredService<ConnectionCounts>();

    /// <summary>Host and port, HTTP/1.1.</summary>
    public Uri Http => new(_app.Urls.First());

    private Uri Http2 => new(_app.Urls.Last());

    public static async Task<SocketHost> StartAsync(params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Environment.EnvironmentName = "Production";
        builder.Configuration["Auth:Secret"] = TokenIssuer.Secret;
        foreach (var (key, value) in settings)
        {
            builder.Configuration[key] = value;
        }

        builder.Configuration["urls"] = "http://127.0.0.1:0";
        builder.Configuration["Listen:Http2"] = "http://127.0.0.1:0";
        builder.Configuration["Internal:Secret"] = InternalSecret;
        builder.AddDefaults("connection");
        builder.Logging.ClearProviders();
        var (flow, time, log) = (new EchoFlow(), new FakeTimeProvider(), new ConcurrentQueue<string>());
        builder.Logging.AddProvider(new QueueLoggerProvider(log)).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddAuth().AddLimits().AddSockets().AddNativeDoor();
        builder.Services.AddSingleton<ISessionFlow>(flow);
        builder.Services.AddSingleton(RawEvent.Format);
        builder.Services.AddSingleton<TimeProvider>(time);
        var app = builder.Build();
        app.UseForwardedClient();
        NativeSocket.Map(app);
        await app.StartAsync();
        return new SocketHost(app, flow, time, log);
    }

    public async ValueTask DisposeAsync()
    {
        _invoker.Dispose();
        _handler.Dispose();
        await _app.DisposeAsync();
    }

    public string Token(string userId, int seconds = 3600) =>
        TokenIssuer.Hs256(new { sub = userId, exp = Time.GetUtcNow().ToUnixTimeSeconds() + seconds });

    /// <summary>Lets time pass until the session has ended.</summary>
    public async Task PassUntilAsync(Session session)
    {
        var closed = Flow.ClosedAsync();
        await Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromSeconds(1));
                return closed.IsCompleted;
            },
            "the session ends");
        Assert.Same(session, await closed);
    }

    public void StartDraining() => _app.Lifetime.StopApplication();

    public async Task<TestSocket> ConnectAsync(string path, Action<ClientWebSocketOptions>? configure = null, bool http2 = false)
    {
        var client = new ClientWebSocket();
        client.Options.KeepAliveInterval = TimeSpan.Zero;
        client.Options.CollectHttpResponseDetails = true;
        if (http2)
        {
            client.Options.HttpVersion = HttpVersion.Version20;
            client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            client.Options.SetRequestHeader(InternalAuth.Header, $"Bearer {InternalSecret}"); // The port is the internal one.
        }

        configure?.Invoke(client.Options);
        var uri = new Uri(http2 ? Http2 : Http, path);
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        await client.ConnectAsync(new UriBuilder(uri) { Scheme = "ws" }.Uri, _invoker, deadline.Token);
        return new TestSocket(client);
    }

    public Task<TestSocket> ConnectAsAsync(string userId, string path = "/ws", Action<ClientWebSocketOptions>? configure = null, bool http2 = false) =>
        ConnectAsync(path, options =>
        {
            options.SetRequestHeader("Authorization", $"Bearer {Token(userId)}");
            configure?.Invoke(options);
        }, http2);
}
