using System.Net.Sockets;
using System.Text;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>What a client costs that does nothing. Alone: the heap is that of all tests of the process.</summary>
[Collection(nameof(Alone))]
public sealed class IdleMemoryTests
{
    private const int Clients = 1000;

    // Measured: 7.9 KiB, the client and the log of the test included.
    private const long MostBytes = 11 * 1024;

    [Fact]
    public async Task An_idle_socket_holds_nothing_of_the_request_that_opened_it()
    {
        await using var host = await SocketHost.StartAsync(("Limits:ConnectionsPerUser", "0"));
        var token = host.Token("ana");
        var open = new List<Socket>();
        try
        {
            Open(open, Clients / 10, host.Http, token);
            host.Log.Clear();
            var before = GC.GetTotalMemory(forceFullCollection: true);

            Open(open, Clients, host.Http, token);
            host.Log.Clear();
            var bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / Clients;

            Assert.InRange(bytes, 1024, MostBytes);
            Assert.Equal(open.Count, host.Counts.Total);
        }
        finally
        {
            open.ForEach(socket => socket.Dispose());
        }
    }

    private static void Open(List<Socket> open, int count, Uri host, string token)
    {
        var request = Encoding.ASCII.GetBytes(
            $"GET /ws HTTP/1.1\r\nHost: {host.Authority}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        var received = new byte[4096];
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 30_000 };
            open.Add(socket);
            socket.Connect(host.Host, host.Port);
            socket.Send(request);
            for (var text = ""; !text.Contains("hello", StringComparison.Ordinal);)
            {
                var bytes = socket.Receive(received);
                Assert.NotEqual(0, bytes);
                text += Encoding.ASCII.GetString(received, 0, bytes);
            }
        }
    }
}

[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
