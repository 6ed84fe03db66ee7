using System.Collections.Concurrent;
using System.Net.WebSockets;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link.Node;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>What a connection node is to the gateway: WebSockets by extended CONNECT, a probe, a gRPC service; on the listeners that real nodes have.</summary>
internal sealed class TestNode : ConnectionService.ConnectionServiceBase, IAsyncDisposable
{
    /// <summary>What nodes and gateways of the tests share.</summary>
    public const string Secret = "a-secret-of-the-processes-of-a-test";

    public static readonly WebSocketCloseStatus Draining = (WebSocketCloseStatus)4001;

    private readonly WebApplication _app;
    private readonly CancellationTokenSource _killed = new();
    private readonly ConcurrentDictionary<string, WebSocket> _sockets = [];
    private int _stalled;

    private TestNode(string name, int port, string[] settings)
    {
        Name = name;
        Address = $"http://127.0.0.1:{port}";
        PublicAddress = $"http://127.0.0.1:{FreePorts.Next()}";
        var builder = WebApplication.CreateBuilder([$"--urls={PublicAddress}", $"--Listen:Http2={Address}", "--Drain:Grace=00:00:00", $"--Internal:Secret={Secret}", .. settings]);
        builder.AddDefaults("connection");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(this);
        builder.Services.AddLinks();
        _app = builder.Build();
        _app.MapGet("/health/ready", () => Results.StatusCode(IsReady ? 200 : 503));
        _app.MapGet("/metrics", () => "numbers").RequireInternalSecret();
        _app.MapGrpcService<TestNode>();
        _app.Map("/{**path}", AnswerAsync);
    }

    public string Name { get; }

    public string Address { get; }

    /// <summary>Of <c>urls</c>.</summary>
    public string PublicAddress { get; }

    public bool IsReady { get; set; } = true;

    /// <summary>Connections of the gateways that carried requests.</summary>
    public ConcurrentDictionary<string, int> UpstreamConnections { get; } = [];

    public Recorder<MoveGatewayClientsRequest> Moves { get; } = new();

    /// <summary>How many of the next moves it does not answer within the time of the caller.</summary>
    public int LateMoves { get; set; }

    /// <summary>Streams whose client has not read anything for a while, so that nothing more fits.</summary>
    public int Stalled => Volatile.Read(ref _stalled);

    public static async Task<TestNode> StartAsync(string name, int? port = null, string[]? settings = null)
    {
        var node = new TestNode(name, port ?? FreePorts.Next(), settings ?? []);
        await node._app.StartAsync();
        return node;
    }

    /// <summary>Ends at once, with a reset instead of a farewell, as a killed process does.</summary>
    public async Task KillAsync()
    {
        await _killed.CancelAsync();
        await _app.StopAsync(new CancellationToken(canceled: true));
    }

    /// <summary>SIGTERM came, and it has only begun to leave. The probe does not say so.</summary>
    public void BeginsToLeave() => _app.Lifetime.StopApplication();

    public override async Task<MoveGatewayClientsReply> MoveGatewayClients(MoveGatewayClientsRequest request, ServerCallContext context)
    {
        Moves.Add(request);
        if (LateMoves > 0)
        {
            LateMoves--;
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
        }

        var moved = _sockets.Values.ToArray();
        foreach (var socket in moved)
        {
            await socket.CloseOutputAsync(Draining, "draining", context.CancellationToken);
        }

        return new MoveGatewayClientsReply { Connections = (uint)moved.Length };
    }

    public async ValueTask DisposeAsync()
    {
        if (!_killed.IsCancellationRequested)
        {
            await KillAsync();
        }

        await _app.DisposeAsync();
        _killed.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        UpstreamConnections.AddOrUpdate(context.Connection.Id, 1, (_, requests) => requests + 1);
        using var killing = _killed.Token.Register(() => context.Features.Get<IConnectionLifetimeFeature>()?.Abort());
        context.Response.Headers["X-Node"] = Name;
        if (context.Request.Query.ContainsKey("refuse"))
        {
            context.Response.StatusCode = StatusCodes.Status418ImATeapot;
            await context.Response.WriteAsync("not today");
            return;
        }

        if (context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true } connect)
        {
            await context.Response.WriteAsJsonAsync(context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString()));
            return;
        }

        var protocol = context.Request.Headers.SecWebSocketProtocol.FirstOrDefault()?.Split(',')[0];
        if (protocol is not null)
        {
            context.Response.Headers.SecWebSocketProtocol = protocol;
        }

        await using var stream = await connect.AcceptAsync();
        if (context.Request.Query.ContainsKey("bytes"))
        {
            await EchoBytesAsync(stream, context);
            return;
        }

        using var socket = WebSocket.CreateFromStream(stream, isServer: true, protocol, TimeSpan.Zero);
        _sockets[context.TraceIdentifier] = socket;
        try
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(_killed.Token, context.RequestAborted);
            await (context.Request.Query.ContainsKey("flood") ? FloodAsync(stream, ended.Token) : EchoAsync(socket, ended.Token));
        }
        catch (Exception exception) when (exception is WebSocketException or IOException or OperationCanceledException)
        {
            context.Abort(); // The other side went away, which some tests are about.
        }
        finally
        {
            _sockets.TryRemove(context.TraceIdentifier, out _);
        }
    }

    /// <summary>Every byte as it comes, whether it is a frame or a part of one.</summary>
    private async Task EchoBytesAsync(Stream stream, HttpContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_killed.Token, context.RequestAborted);
        try
        {
            await stream.CopyToAsync(stream, ended.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            context.Abort();
        }
    }

    private async Task EchoAsync(WebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer, cancellationToken);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                if (socket.State == WebSocketState.CloseReceived)
                {
                    await socket.CloseOutputAsync(socket.CloseStatus!.Value, socket.CloseStatusDescription, cancellationToken);
                }

                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, cancellationToken);
        }
    }

    // Opaque bytes: the gateway forwards them as it does frames, and this client never reads.
    private async Task FloodAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new byte[16 * 1024];
        while (!cancellationToken.IsCancellationRequested) // A write to an aborted stream completes at once and says nothing.
        {
            var write = stream.WriteAsync(bytes, cancellationToken).AsTask();
            try
            {
                await write.WaitAsync(TimeSpan.FromMilliseconds(500), cancellationToken);
            }
            catch (TimeoutException)
            {
                Interlocked.Increment(ref _stalled);
                await write;
            }
        }
    }
}
