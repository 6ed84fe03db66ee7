using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>A client with deadlines.</summary>
internal sealed class TestSocket(ClientWebSocket client) : IDisposable
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public ClientWebSocket Client => client;

    public void Dispose() => client.Dispose();

    public async Task SendAsync(string text, WebSocketMessageType type = WebSocketMessageType.Text)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        await client.SendAsync(Encoding.UTF8.GetBytes(text), type, endOfMessage: true, deadline.Token);
    }

    public Task SendMessageAsync(string content) => SendAsync(JsonSerializer.Serialize(new { type = "message", content }, Relaxed));

    /// <summary>The next text, or <c>close CODE REASON</c>.</summary>
    public async Task<string> ReceiveAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        using var message = new MemoryStream();
        var buffer = new byte[4096];
        while (true)
        {
            var received = await client.ReceiveAsync(buffer, deadline.Token);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                return $"close {(int?)client.CloseStatus} {client.CloseStatusDescription}".TrimEnd();
            }

            message.Write(buffer, 0, received.Count);
            if (received.EndOfMessage)
            {
                return Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length);
            }
        }
    }

    /// <summary>An <c>error</c> frame's code.</summary>
    public async Task<int> ReceiveErrorAsync()
    {
        using var frame = JsonDocument.Parse(await ReceiveAsync());
        Assert.Equal("error", frame.RootElement.GetProperty("type").GetString());
        return frame.RootElement.GetProperty("data").GetProperty("code").GetInt32();
    }

    public async Task CloseAsync(WebSocketCloseStatus status = WebSocketCloseStatus.NormalClosure)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        await client.CloseAsync(status, "bye", deadline.Token);
    }
}
