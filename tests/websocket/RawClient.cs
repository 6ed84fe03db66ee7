using System.Buffers.Binary;
using System.IO.Compression;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.WebSocket.Tests;

/// <summary>A client that sends whatever bytes it is given, and says in words what came.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly NetworkStream _stream;

    private RawClient(Socket socket) => _stream = new NetworkStream(socket, ownsSocket: true);

    /// <summary>Status line and headers of the answer.</summary>
    public string Answer { get; private set; } = "";

    /// <summary>The answer's <c>Sec-WebSocket-Extensions</c>; null when there is none.</summary>
    public string? Extensions => Header("Sec-WebSocket-Extensions");

    /// <summary>The value of a header of the answer.</summary>
    public string? Header(string name) => Answer.Split("\r\n").FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();

    /// <summary>Sends a handshake and reads the head of the answer.</summary>
    /// <param name="server">Where.</param>
    /// <param name="request">All of it, with <c>{host}</c> in the place of the server's name.</param>
    public static async Task<RawClient> AskAsync(Uri server, string request)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.Host, server.Port);
        var client = new RawClient(socket);
        await client._stream.WriteAsync(Encoding.Latin1.GetBytes(request.Replace("{host}", server.Authority, StringComparison.Ordinal)));
        client.Answer = await client.ReadHeadAsync();
        return client;
    }

    /// <summary>Opens a WebSocket, and waits until the server has greeted.</summary>
    public static async Task<RawClient> OpenAsync(Uri server, string? extensions = null)
    {
        var client = await AskAsync(server, Handshake(extensions is null ? "" : $"Sec-WebSocket-Extensions: {extensions}\r\n"));
        Assert.StartsWith("HTTP/1.1 101 ", client.Answer, StringComparison.Ordinal);
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", client.Header("Sec-WebSocket-Accept")); // RFC 6455, 1.3.
        var greeting = await client.ReadFrameAsync();
        Assert.StartsWith("text {\"type\":\"connected\"", greeting, StringComparison.Ordinal);
        return client;
    }

    /// <summary>The handshake of the RFC's example.</summary>
    /// <param name="headers">More of them, each with its line end.</param>
    /// <param name="line">The request line.</param>
    public static string Handshake(string headers = "", string line = "GET /ws?user_id=ana HTTP/1.1") =>
        $"{line}\r\nHost: {{host}}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n";

    /// <summary>Sends bytes as one write. What the server has closed takes no more: that is seen in what it has sent.</summary>
    public async Task SendAsync(byte[] bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes);
        }
        catch (IOException)
        {
            return;
        }
    }

    /// <summary>What a server says first: <c>connected ROOM</c> or <c>error NAME</c>.</summary>
    public async Task<string> GreetingAsync()
    {
        var frame = await ReadFrameAsync();
        using var json = JsonDocument.Parse(frame["text ".Length..]);
        var type = json.RootElement.GetProperty("type").GetString();
        var data = json.RootElement.GetProperty("data");
        return type != "connected" ? $"{type} {data.GetProperty("name").GetString()}"
            : json.RootElement.TryGetProperty("room_id", out var roomId) ? $"connected {roomId.GetString()}"
            : data.TryGetProperty("notifications", out _) ? "connected to notifications"
            : "connected to no room";
    }

    /// <summary>What came: <c>pong REF</c>, <c>error NAME</c>, <c>PONG PAYLOAD</c>, <c>close CODE</c>, <c>end</c>. Other messages and pings are passed over.</summary>
    public async Task<string> NextAsync()
    {
        while (true)
        {
            var frame = await ReadFrameAsync();
            if (!frame.StartsWith("text ", StringComparison.Ordinal))
            {
                if (frame.StartsWith("PING", StringComparison.Ordinal))
                {
                    continue;
                }

                return frame;
            }

            using var json = JsonDocument.Parse(frame["text ".Length..]);
            switch (json.RootElement.GetProperty("type").GetString())
            {
                case "pong":
                    return $"pong {json.RootElement.GetProperty("ref").GetString()}";
                case "error":
                    return $"error {json.RootElement.GetProperty("data").GetProperty("name").GetString()}";
            }
        }
    }

    public void Dispose() => _stream.Dispose();

    private async Task<string> ReadFrameAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        try
        {
            var head = await ReadAsync(2, deadline.Token);
            Assert.Equal(0x80, head[0] & 0xB0); // Whole messages, no reserved bit but RSV1.
            Assert.Equal(0, head[1] & 0x80);    // A server does not mask.
            var length = head[1] switch
            {
                126 => BinaryPrimitives.ReadUInt16BigEndian(await ReadAsync(2, deadline.Token)),
                127 => (int)BinaryPrimitives.ReadUInt64BigEndian(await ReadAsync(8, deadline.Token)),
                var small => small,
            };
            var payload = await ReadAsync(length, deadline.Token);
            if ((head[0] & 0x40) != 0)
            {
                Assert.NotNull(Extensions);
                payload = Inflate(payload);
            }

            return (head[0] & 0x0F) switch
            {
                Frames.Text => $"text {Encoding.UTF8.GetString(payload)}",
                Frames.Ping => "PING",
                Frames.Pong => $"PONG {Encoding.Latin1.GetString(payload)}",
                Frames.Close => $"close {BinaryPrimitives.ReadUInt16BigEndian(payload)}",
                var opcode => $"opcode {opcode}",
            };
        }
        catch (IOException)
        {
            return "end"; // The end of the stream, or a reset: some of what was sent was not read.
        }
    }

    private async Task<byte[]> ReadAsync(int length, CancellationToken cancellationToken)
    {
        var bytes = new byte[length];
        await _stream.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }

    private async Task<string> ReadHeadAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var head = new StringBuilder();
        try
        {
            while (head.Length < 4 || head.ToString(head.Length - 4, 4) != "\r\n\r\n")
            {
                head.Append((char)(await ReadAsync(1, deadline.Token))[0]);
            }
        }
        catch (IOException)
        {
            return head.ToString();
        }

        return head.ToString();
    }

    private static byte[] Inflate(byte[] payload)
    {
        using var inflate = new DeflateStream(new MemoryStream([.. payload, 0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF]), CompressionMode.Decompress);
        using var target = new MemoryStream();
        inflate.CopyTo(target);
        return target.ToArray();
    }
}
