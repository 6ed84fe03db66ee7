using System.Net;
using System.Net.Sockets;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A WebSocket whose bytes are written by hand, for what a proper client never sends.</summary>
internal sealed class RawSocket : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[1 << 20];

    /// <summary>Upgrades and returns when the server has agreed.</summary>
    public static async Task<RawSocket> OpenAsync(Uri server, string path)
    {
        var raw = new RawSocket();
        using var deadline = new CancellationTokenSource(ChatClient.Deadline);
        await raw._socket.ConnectAsync(IPAddress.Parse(server.Host), server.Port, deadline.Token);
        await raw.SendAsync(Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: {server.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            Assert.Equal(1, await raw._socket.ReceiveAsync(raw._buffer.AsMemory(0, 1), deadline.Token));
            head.Append((char)raw._buffer[0]);
        }

        Assert.StartsWith("HTTP/1.1 101", head.ToString(), StringComparison.Ordinal);
        return raw;
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var deadline = new CancellationTokenSource(ChatClient.Deadline);
        await _socket.SendAsync(bytes, deadline.Token);
    }

    /// <summary>A masked frame, as clients must send them.</summary>
    public static byte[] Frame(byte firstByte, ReadOnlySpan<byte> payload)
    {
        byte[] mask = [1, 2, 3, 4];
        byte[] header = payload.Length < 126
            ? [firstByte, (byte)(0x80 | payload.Length), .. mask]
            : [firstByte, 0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length, .. mask];
        var frame = new byte[header.Length + payload.Length];
        header.CopyTo(frame, 0);
        for (var i = 0; i < payload.Length; i++)
        {
            frame[header.Length + i] = (byte)(payload[i] ^ mask[i % 4]);
        }

        return frame;
    }

    /// <summary>Reads frames until the server says goodbye.</summary>
    /// <returns>The code of its close frame.</returns>
    public async Task<int> CloseCodeAsync()
    {
        using var deadline = new CancellationTokenSource(ChatClient.Deadline);
        while (true)
        {
            await ReadAsync(2, deadline.Token);
            var (opcode, length) = (_buffer[0] & 0x0F, (long)(_buffer[1] & 0x7F));
            if (length == 126)
            {
                await ReadAsync(2, deadline.Token);
                length = (_buffer[0] << 8) | _buffer[1];
            }

            await ReadAsync((int)length, deadline.Token);
            if (opcode == 8)
            {
                return (_buffer[0] << 8) | _buffer[1];
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ReadAsync(int count, CancellationToken cancellationToken)
    {
        for (var read = 0; read < count;)
        {
            var part = await _socket.ReceiveAsync(_buffer.AsMemory(read, count - read), cancellationToken);
            Assert.True(part > 0, "The connection was cut without a close frame");
            read += part;
        }
    }
}
