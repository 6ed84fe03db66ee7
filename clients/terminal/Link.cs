using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;

namespace Tertulia.Chat;

/// <summary>One connection from its attempt to its end; never used again after that.</summary>
/// <param name="url">Where to.</param>
/// <param name="token">Null in development mode.</param>
/// <param name="post">Receives <see cref="Received"/> for each frame, then exactly one <see cref="LinkEnded"/>.</param>
internal sealed class Link(Uri url, string? token, Action<ChatEvent> post)
{
    private const int MaxFrameBytes = 1 << 20; // The server's are at most 64 KiB; more is not our server.
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(3);

    private readonly Channel<byte[]> _out = Channel.CreateBounded<byte[]>(64);

    /// <summary>Queues a frame. One that is lost with the connection is the caller's to send again.</summary>
    /// <returns>False when too much waits already.</returns>
    public bool Send(byte[] frame) => _out.Writer.TryWrite(frame);

    /// <summary>Says goodbye after what is queued; <see cref="LinkEnded"/> follows.</summary>
    public void Leave() => _out.Writer.TryComplete();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(15);
        socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(20); // Notices a peer that vanished without a word.
        if (token is not null)
        {
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        }

        LinkEnded ended;
        try
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timeout.CancelAfter(ConnectTimeout);
            await socket.ConnectAsync(url, timeout.Token);
            ended = await ConverseAsync(socket, cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            ended = new LinkEnded(this, 1006, "no answer");
        }
        catch (Exception exception) when (exception is WebSocketException or IOException or JsonException or InvalidDataException or OperationCanceledException)
        {
            ended = new LinkEnded(this, 1006, Reason(exception));
        }

        post(ended);
    }

    private async Task<LinkEnded> ConverseAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        using var receiving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = SendQueuedAsync(socket, receiving, cancellationToken);
        try
        {
            await ReceiveAsync(socket, receiving.Token);
            return new LinkEnded(this, (int?)socket.CloseStatus ?? 1006, socket.CloseStatusDescription ?? "");
        }
        finally
        {
            _out.Writer.TryComplete();
            await sending;
        }
    }

    private async Task ReceiveAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        using var frame = new MemoryStream();
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return;
            }

            frame.Write(buffer, 0, part.Count);
            if (frame.Length > MaxFrameBytes)
            {
                throw new InvalidDataException("a frame above 1 MiB");
            }

            if (part.EndOfMessage)
            {
                post(new Received(this, ServerFrame.Parse(frame.ToArray())));
                frame.SetLength(0);
            }
        }
    }

    private async Task SendQueuedAsync(ClientWebSocket socket, CancellationTokenSource receiving, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var frame in _out.Reader.ReadAllAsync(cancellationToken))
            {
                await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            }

            // Our close frame; the server's answer ends the receiving side, and if it does not come in time the deadline does.
            receiving.CancelAfter(CloseTimeout);
            var code = socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure;
            await socket.CloseOutputAsync(code, null, receiving.Token);
        }
        catch (Exception exception) when (exception is WebSocketException or IOException or OperationCanceledException)
        {
            await receiving.CancelAsync(); // The receiving side reports the end of the connection.
        }
    }

    private static string Reason(Exception exception) =>
        exception.GetBaseException() is SocketException socket ? socket.SocketErrorCode.ToString() : exception.Message;
}
