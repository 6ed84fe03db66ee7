using System.Globalization;
using System.Net.Sockets;
using System.Net.WebSockets;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests.Links;

/// <summary>Many clients share few links to a node: what one of them does must not hold the others up.</summary>
public sealed class SharedLinkTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_thousand_clients_share_as_many_links_as_are_configured(int links)
    {
        await using var gateway = await TestGateway.StartAsync([_node], $"Gateway:LinksPerNode={links}");
        var sockets = new List<ClientWebSocket>();

        for (var i = 0; i < 1_000; i++)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        Assert.Equal(links, _node.UpstreamConnections.Count);
        var echoes = await Task.WhenAll(sockets.Select((socket, i) => socket.EchoAsync(i.ToString(CultureInfo.InvariantCulture))));
        Assert.Equal(Enumerable.Range(0, 1_000).Select(i => i.ToString(CultureInfo.InvariantCulture)), echoes);
        sockets.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task However_many_clients_do_not_read_the_one_that_does_is_served()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:LinksPerNode=1");
        using var reader = await gateway.OpenAsync();
        using var smallBuffers = new SocketsHttpHandler { ConnectCallback = ConnectWithSmallBufferAsync };
        using var invoker = new HttpMessageInvoker(smallBuffers);
        var slow = new List<ClientWebSocket>();
        for (var i = 0; i < 500; i++)
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
        await Eventually.HoldsAsync(() => gateway.OpenSockets == 1, "those that went are forgotten", () => $"{gateway.OpenSockets} are open");
        Assert.Equal("hola", await reader.EchoAsync("hola"));
    }

    [Fact]
    public async Task Clients_whose_input_is_not_read_are_held_back_and_the_others_are_served()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:LinksPerNode=1");
        using var other = await gateway.OpenAsync();
        var floods = new List<(ClientWebSocket Socket, Task Sending)>();
        using var enough = new CancellationTokenSource();
        for (var i = 0; i < 20; i++)
        {
            var socket = await gateway.OpenAsync(); // The node echoes, this client does not read: at some point nobody takes anything.
            floods.Add((socket, FloodAsync(socket, enough.Token)));
        }

        for (var i = 0; i < 100; i++)
        {
            Assert.Equal("hola", await other.EchoAsync("hola"));
        }

        Assert.Single(_node.UpstreamConnections);
        await enough.CancelAsync();
        await Task.WhenAll(floods.Select(flood => flood.Sending));
        floods.ForEach(flood => flood.Socket.Dispose());
    }

    [Fact]
    public async Task Clients_that_come_and_go_do_not_get_what_others_were_sent()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:LinksPerNode=1");

        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            using var socket = await gateway.OpenAsync(i % 3 == 0 ? "/ws?flood" : "/ws");
            if (i % 3 != 0)
            {
                var text = i.ToString(CultureInfo.InvariantCulture);
                Assert.Equal(text, await socket.EchoAsync(text));
            }

            if (i % 2 == 0)
            {
                socket.Abort();
            }
        });

        await Eventually.HoldsAsync(() => gateway.OpenSockets == 0, "all have left", () => $"{gateway.OpenSockets} are open");
        Assert.Single(_node.UpstreamConnections);
    }

    [Fact]
    public async Task A_client_without_any_traffic_is_cut_after_the_idle_timeout_and_not_before()
    {
        await using var gateway = await TestGateway.StartAsync([_node], "Gateway:IdleTimeout=00:00:50");
        using var silent = await gateway.OpenAsync();
        using var talks = await gateway.OpenAsync();

        for (var look = 1; look <= 10; look++)
        {
            gateway.Links.Look();
            await talks.EchoAsync("hola"); // The node's answer to the look comes with it.
        }

        Assert.Equal(2, gateway.OpenSockets);
        gateway.Links.Look();

        var exception = await Assert.ThrowsAsync<WebSocketException>(silent.ReceiveTextAsync);
        Assert.Equal(WebSocketError.ConnectionClosedPrematurely, exception.WebSocketErrorCode);
        Assert.Equal("hola", await talks.EchoAsync("hola"));
    }

    [Fact]
    public async Task Linked_clients_are_spread_over_the_nodes()
    {
        await using var other = await TestNode.StartAsync("b");
        await using var gateway = await TestGateway.StartAsync([_node, other]);
        var sockets = new List<ClientWebSocket>();

        for (var i = 0; i < 100; i++)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        Assert.Equal(50, sockets.Count(socket => socket.NodeOf() == "a")); // Of two nodes always the one with fewer.
        sockets.ForEach(socket => socket.Dispose());
    }

    private static async Task FloodAsync(ClientWebSocket socket, CancellationToken enough)
    {
        var bytes = new byte[16 * 1024];
        try
        {
            while (true)
            {
                await socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, enough);
            }
        }
        catch (OperationCanceledException) when (enough.IsCancellationRequested)
        {
            return;
        }
    }

    private static async ValueTask<Stream> ConnectWithSmallBufferAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
