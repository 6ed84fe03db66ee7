using System.Net.Sockets;
using System.Net.WebSockets;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>Many clients share few connections to a node: what one of them does must not hold the others up.</summary>
public sealed class SharedConnectionTests : IAsyncLifetime
{
    private const int StreamsPerConnection = 512;
    private const int ForHealthChecks = 4; // They go through the same connection.

    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task As_many_clients_as_a_connection_carries_share_it_and_the_next_gets_a_new_one()
    {
        await using var gateway = await TestGateway.StartAsync([_node]);
        var sockets = new List<ClientWebSocket>();

        for (var i = 0; i < StreamsPerConnection - ForHealthChecks; i++)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        Assert.Single(_node.UpstreamConnections);

        for (var i = 0; i <= ForHealthChecks; i++)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        Assert.Equal(2, _node.UpstreamConnections.Count);
        Assert.Equal("hola", await sockets[0].EchoAsync("hola"));
        Assert.Equal("hola", await sockets[^1].EchoAsync("hola"));
        sockets.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task However_many_clients_do_not_read_the_one_that_does_is_served()
    {
        await using var gateway = await TestGateway.StartAsync([_node]);
        using var reader = await gateway.OpenAsync();
        using var smallBuffers = new SocketsHttpHandler { ConnectCallback = ConnectWithSmallBufferAsync };
        using var invoker = new HttpMessageInvoker(smallBuffers);
        var slow = new List<ClientWebSocket>();
        for (var i = 1; i < StreamsPerConnection - ForHealthChecks; i++)
        {
            var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}/ws?flood"), invoker, CancellationToken.None);
            slow.Add(socket);
        }

        await Eventually.HoldsAsync(() => _node.Stalled >= slow.Count, "every client that does not read is stalled", () => $"{_node.Stalled} are");

        Assert.Single(_node.UpstreamConnections);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal("hola", await reader.EchoAsync("hola"));
        }

        slow.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task A_killed_node_takes_only_its_own_clients_with_it_and_they_find_the_other_at_once()
    {
        await using var other = await TestNode.StartAsync("b");
        await using var gateway = await TestGateway.StartAsync([_node, other]);
        var sockets = new List<ClientWebSocket>();
        while (sockets.Count(socket => socket.NodeOf() == "a") < 5 || sockets.Count(socket => socket.NodeOf() == "b") < 5)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        await _node.KillAsync();

        foreach (var socket in sockets)
        {
            if (socket.NodeOf() == "b")
            {
                Assert.Equal("hola", await socket.EchoAsync("hola"));
            }
            else
            {
                var exception = await Assert.ThrowsAsync<WebSocketException>(socket.ReceiveTextAsync);
                Assert.Equal(WebSocketError.ConnectionClosedPrematurely, exception.WebSocketErrorCode);
            }

            socket.Dispose();
        }

        for (var i = 0; i < 20; i++)
        {
            using var back = await gateway.OpenAsync();
            Assert.Equal("b", back.NodeOf());
        }
    }

    private static async ValueTask<Stream> ConnectWithSmallBufferAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
