using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>What holds for a client whichever way the gateway carries it: over links, or by the proxy's own forwarder.</summary>
public sealed class WebSocketWaysTests : IAsyncLifetime
{
    private TestNode _a = null!;
    private TestNode _b = null!;

    public static TheoryData<WebSocketWay> Ways => [WebSocketWay.Link, WebSocketWay.Proxy];

    public async Task InitializeAsync() => (_a, _b) = (await TestNode.StartAsync("a"), await TestNode.StartAsync("b"));

    public async Task DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_websocket_goes_through_with_its_subprotocol_frames_and_close_code(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a]);
        using var ana = await gateway.OpenAsync("/ws/lobby?user_id=ana", options => options.AddSubProtocol("tertulia.v1.json"));

        Assert.Equal("tertulia.v1.json", ana.SubProtocol);
        Assert.Equal("hola", await ana.EchoAsync("hola"));
        Assert.Equal(new string('x', 60_000), await ana.EchoAsync(new string('x', 60_000)));

        await ana.CloseOutputAsync((WebSocketCloseStatus)4242, "bye", CancellationToken.None);
        Assert.Equal("closed 4242", await ana.ReceiveTextAsync());
        await Eventually.HoldsAsync(() => gateway.OpenSockets == 0, "it is counted out", () => $"{gateway.OpenSockets} are open");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task What_has_come_of_a_frame_reaches_the_node_before_the_rest(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a]);
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", gateway.Url.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(
            "GET /ws?bytes HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"u8.ToArray());
        var answer = "";
        while (!answer.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            answer += (char)await ReadByteAsync(stream);
        }

        Assert.StartsWith("HTTP/1.1 101", answer, StringComparison.Ordinal);
        foreach (var part in new byte[] { 0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 42, 43 }) // Of a frame of 4 KiB, which never becomes whole.
        {
            await stream.WriteAsync(new[] { part });

            Assert.Equal(part, await ReadByteAsync(stream));
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Large_messages_pass_in_both_directions(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a]);
        using var socket = await gateway.OpenAsync();
        var sent = new byte[1_000_000];
        new Random(7).NextBytes(sent);

        var sending = socket.SendAsync(sent, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
        var received = new byte[sent.Length];
        for (var length = 0; length < received.Length;)
        {
            length += (await socket.ReceiveAsync(received.AsMemory(length), CancellationToken.None)).Count;
        }

        await sending;
        Assert.Equal(sent, received);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_gateway_that_stops_has_its_clients_moved_and_none_is_cut(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a, _b], "Drain:Grace=00:00:20");
        var sockets = new List<ClientWebSocket>();
        while (sockets.Count < 20)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        var stopping = gateway.StopAsync();

        var closes = await Task.WhenAll(sockets.Select(async socket =>
        {
            var close = await socket.ReceiveTextAsync(); // Throws when the connection ends without a close frame: 1006.
            await socket.CloseOutputAsync(TestNode.Draining, null, CancellationToken.None);
            return close;
        }));
        Assert.All(closes, close => Assert.Equal("closed 4001", close));
        await Eventually.CompletesAsync(stopping, "the gateway has stopped after its last client left");
        sockets.ForEach(socket => socket.Dispose());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_client_that_does_not_leave_holds_the_stop_up_for_the_grace_and_no_longer(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a], "Drain:Grace=00:00:01");
        using var silent = await gateway.OpenAsync("/ws?flood");

        await Eventually.CompletesAsync(gateway.StopAsync(), "the gateway has stopped", TimeSpan.FromSeconds(8));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_killed_node_takes_only_its_own_clients_with_it_and_they_find_the_other_at_once(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a, _b]);
        var sockets = new List<ClientWebSocket>();
        while (sockets.Count(socket => socket.NodeOf() == "a") < 3 || sockets.Count(socket => socket.NodeOf() == "b") < 3)
        {
            sockets.Add(await gateway.OpenAsync());
        }

        await _a.KillAsync();

        foreach (var socket in sockets.Where(socket => socket.NodeOf() == "b"))
        {
            Assert.Equal("hola", await socket.EchoAsync("hola"));
        }

        for (var i = 0; i < 20; i++)
        {
            using var back = await gateway.OpenAsync();
            Assert.Equal("b", back.NodeOf());
        }

        sockets.ForEach(socket => socket.Dispose());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Clients_that_do_not_read_hold_nobody_up(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a]);
        using var reader = await gateway.OpenAsync();
        var slow = new List<ClientWebSocket>();
        for (var i = 0; i < 20; i++)
        {
            slow.Add(await gateway.OpenAsync("/ws?flood"));
        }

        await Eventually.HoldsAsync(() => _a.Stalled >= slow.Count, "every client that does not read is stalled", () => $"{_a.Stalled} are");

        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("hola", await reader.EchoAsync("hola"));
        }

        slow.ForEach(socket => socket.Dispose());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task What_the_node_answers_instead_of_a_handshake_reaches_the_client(WebSocketWay way)
    {
        await using var gateway = await StartAsync(way, [_a]);
        using var refused = new ClientWebSocket();
        refused.Options.CollectHttpResponseDetails = true;

        await Assert.ThrowsAsync<WebSocketException>(() => refused.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}/ws?refuse"), CancellationToken.None));

        Assert.Equal((HttpStatusCode)418, refused.HttpStatusCode);
    }

    private static async Task<byte> ReadByteAsync(Stream stream)
    {
        var buffer = new byte[1];
        Assert.Equal(1, await Eventually.CompletesAsync(stream.ReadAsync(buffer, CancellationToken.None).AsTask(), "a byte"));
        return buffer[0];
    }

    private static Task<TestGateway> StartAsync(WebSocketWay way, IReadOnlyList<TestNode> nodes, params string[] settings) =>
        TestGateway.StartAsync(nodes, [$"Gateway:WebSockets={way}", .. settings]);
}
