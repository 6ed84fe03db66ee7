using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Hosting;

namespace Tertulia.Link.Node;

/// <summary>The way in of gateways' links, on the internal port.</summary>
internal sealed partial class LinkDoor(
    InternalAuth auth, RequestPipeline pipeline, IServiceScopeFactory scopes, Readiness readiness, TimeProvider time, ILogger<NodeLink> logger) : IInternalProtocol
{
    /// <summary>For a gateway to send its proof, which it does at once.</summary>
    private static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(10);

    public ReadOnlyMemory<byte> Preface { get; } = LinkFormat.Preface.ToArray();

    public async Task ServeAsync(ConnectionContext connection)
    {
        if (!await IsGatewayAsync(connection))
        {
            LogStranger(connection.RemoteEndPoint);
            return; // Without a word. The server ends the connection.
        }

        // Written past the server's pipe, which would wake another thread for each write; with TLS there is no way past it.
        await using Stream stream = connection.Features.Get<ITlsHandshakeFeature>() is null && connection.Features.Get<IConnectionSocketFeature>() is { } socket
            ? new NetworkStream(socket.Socket, ownsSocket: false)
            : connection.Transport.Output.AsStream(leaveOpen: true);
        var output = new LinkOutput(stream);
        await stream.WriteAsync(Preface, connection.ConnectionClosed);
        var link = new NodeLink(
            connection.Transport.Input.AsStream(leaveOpen: true), output, connection.ConnectionId, connection.RemoteEndPoint as IPEndPoint, connection.Abort,
            pipeline.Application, scopes, readiness, time, logger);
        await using var looking = time.CreateTimer(_ => Look(link, connection), null, NodeLink.LookInterval, NodeLink.LookInterval);
        await using var ending = connection.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime
            ? lifetime.ConnectionClosedRequested.UnsafeRegister(static link => ((NodeLink)link!).EndWhenEmpty(), link)
            : default;
        await link.RunAsync(connection.ConnectionClosed);
    }

    private async Task<bool> IsGatewayAsync(ConnectionContext connection)
    {
        using var deadline = new CancellationTokenSource(ProofTimeout, time);
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(deadline.Token);
                if (read.Buffer.PositionOf((byte)'\n') is { } end)
                {
                    var proof = read.Buffer.Slice(0, end);
                    var accepted = proof.Length < LinkFormat.MaxProofBytes && auth.Accepts(proof.ToArray());
                    input.AdvanceTo(read.Buffer.GetPosition(1, end));
                    return accepted;
                }

                var goesOn = read.Buffer.Length < LinkFormat.MaxProofBytes && !read.IsCompleted && !read.IsCanceled;
                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (!goesOn)
                {
                    return false;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A link from {Peer} was refused: the internal secret is wrong or missing")]
    private partial void LogStranger(EndPoint? peer);

    private static bool HasUnread(ConnectionContext connection)
    {
        try
        {
            return connection.Features.Get<IConnectionSocketFeature>()?.Socket.Available > 0;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return false; // Its reader will say so.
        }
    }

    private static void Look(NodeLink link, ConnectionContext connection)
    {
        if (!link.Look(HasUnread(connection)))
        {
            connection.Abort(new ConnectionAbortedException("The gateway was silent"));
        }
    }
}

/// <summary>The node's own request pipeline, for requests that do not come through the server.</summary>
internal sealed class RequestPipeline : IStartupFilter
{
    private RequestDelegate? _application;

    /// <summary>All of it. Set before the server starts.</summary>
    public RequestDelegate Application => _application ?? throw new InvalidOperationException("The pipeline is not built");

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(pipeline => _application = pipeline);
        next(app);
    };
}

/// <summary>What a node needs to be reached by links.</summary>
public static class LinkSetup
{
    /// <summary>Lets gateways' links in, beside HTTP/2 on the internal port.</summary>
    public static IServiceCollection AddLinks(this IServiceCollection services) => services
        .AddSingleton<RequestPipeline>()
        .AddSingleton<IStartupFilter>(provider => provider.GetRequiredService<RequestPipeline>())
        .AddSingleton<IInternalProtocol, LinkDoor>();
}
