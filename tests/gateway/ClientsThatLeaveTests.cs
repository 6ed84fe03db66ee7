using System.Net;
using System.Net.Sockets;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>A client that goes away is no event for a person: nothing is said about it at Warning or above, whenever it goes.</summary>
public sealed class ClientsThatLeaveTests : IAsyncLifetime
{
    private const string Upgrade =
        "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    private const string Handshake = "GET /ws HTTP/1.1\r\n" + Upgrade;

    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Theory]
    [InlineData(WebSocketWay.Link)]
    [InlineData(WebSocketWay.Proxy)]
    public async Task Resets_in_every_phase_leave_no_warning(WebSocketWay way)
    {
        using var log = new QueueLog();
        await using var gateway = await TestGateway.StartAsync([_node], log, $"Gateway:WebSockets={way}");

        (string Phase, string Sends, bool Waits)[] phases =
        [
            ("before a request", "", false),
            ("within the head of a request", "GET /ws HTTP/1.1\r\nHost: a\r\nConn", false),
            ("after a request, before its answer", "GET /api/v1/rooms HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("within the body of a request", "POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{\"a\":", false),
            ("within a chunk of a body", "POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc", false),
            ("after an answer", "GET /api/v1/rooms HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("after a handshake, before its answer", Handshake, false),
            ("when the socket is open", Handshake, true),
            ("while the node sends without a pause", "GET /ws?flood HTTP/1.1\r\n" + Upgrade, true),
            ("within a frame", Handshake + "\x81\xFE\x10", true),
        ];
        foreach (var (_, sends, waits) in phases)
        {
            foreach (var resets in new[] { true, false })
            {
                for (var i = 0; i < 5; i++)
                {
                    await LeaveAsync(gateway.Url, sends, waits, resets);
                }
            }
        }

        await Eventually.HoldsAsync(() => gateway.OpenSockets == 0, "all have left", () => $"{gateway.OpenSockets} are open");
        using var answer = await gateway.Http.GetAsync("/api/v1/rooms");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal([], log.Lines);
    }

    private static async Task LeaveAsync(Uri gateway, string sends, bool waits, bool resets)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(gateway.Host, gateway.Port);
        await socket.SendAsync(Encoding.Latin1.GetBytes(sends));
        if (waits)
        {
            using var deadline = new CancellationTokenSource(Eventually.Deadline);
            Assert.NotEqual(0, await socket.ReceiveAsync(new byte[1024], deadline.Token));
        }

        if (resets)
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
    }
}
