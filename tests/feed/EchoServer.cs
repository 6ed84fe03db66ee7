using System.Net;
using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tertulia.Feed.Tests;

/// <summary>The echo service in this process, on a Unix socket or on a TCP port, both without TLS.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string? _socketPath;

    private EchoServer(WebApplication app, string? socketPath)
    {
        _app = app;
        _socketPath = socketPath;
    }

    /// <summary>What a gRPC client of any language dials: <c>unix:/path</c> or <c>127.0.0.1:port</c>.</summary>
    public string Target => _socketPath is null ? Uri.Authority : $"unix:{_socketPath}";

    public Uri Uri => new(_app.Urls.Single());

    public static Task<EchoServer> OnUnixSocketAsync(Action<GrpcServiceOptions>? configure = null) =>
        StartAsync(Path.Combine(Path.GetTempPath(), $"echo-{Guid.NewGuid():N}.sock"), configure);

    public static Task<EchoServer> OnTcpAsync(Action<GrpcServiceOptions>? configure = null) => StartAsync(null, configure);

    public GrpcChannel Connect(GrpcChannelOptions? options = null) =>
        _socketPath is null ? GrpcChannel.ForAddress(Uri, options ?? new()) : ConnectToSocket(_socketPath, options);

    public static GrpcChannel ConnectToSocket(string socketPath, GrpcChannelOptions? options = null)
    {
        options ??= new GrpcChannelOptions();
        options.HttpHandler ??= SocketHandler(socketPath);
        return GrpcChannel.ForAddress("http://localhost", options);
    }

    /// <returns>A handler that reaches the server whatever the address says.</returns>
    public SocketsHttpHandler Handler() => _socketPath is null ? new SocketsHttpHandler() : SocketHandler(_socketPath);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task<EchoServer> StartAsync(string? socketPath, Action<GrpcServiceOptions>? configure)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (socketPath is null)
            {
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            }
            else
            {
                kestrel.ListenUnixSocket(socketPath, listen => listen.Protocols = HttpProtocols.Http2);
            }
        });
        builder.Services.AddSingleton<EchoService.Waits>();
        builder.Services.AddGrpc(options => configure?.Invoke(options));

        var app = builder.Build();
        app.MapGrpcService<EchoService>();
        await app.StartAsync();
        return new EchoServer(app, socketPath);
    }

    private static SocketsHttpHandler SocketHandler(string socketPath) => new()
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
