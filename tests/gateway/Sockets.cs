using System.Net.WebSockets;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>What tests do with a client's socket.</summary>
internal static class Sockets
{
    public static async Task SendTextAsync(this WebSocket socket, string text)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
    }

    public static async Task<string> ReceiveTextAsync(this WebSocket socket)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var buffer = new byte[64 * 1024];
        var length = 0;
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer.AsMemory(length), deadline.Token);
            length += result.Count;
            if (result.MessageType == WebSocketMessageType.Close)
            {
                return $"closed {(int?)socket.CloseStatus}";
            }

            if (result.EndOfMessage)
            {
                return Encoding.UTF8.GetString(buffer, 0, length);
            }
        }
    }

    public static async Task<string> EchoAsync(this WebSocket socket, string text)
    {
        await socket.SendTextAsync(text);
        return await socket.ReceiveTextAsync();
    }

    public static string NodeOf(this ClientWebSocket socket) => socket.HttpResponseHeaders!["X-Node"].Single();
}
