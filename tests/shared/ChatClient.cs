using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Tertulia.Testing;

/// <summary>How a <see cref="ChatClient"/> connects.</summary>
public sealed record ChatClientOptions
{
    /// <summary>Sent as <c>Authorization: Bearer</c>.</summary>
    public string? Token { get; init; }

    /// <summary>Called for each frame in the order of arrival, before any waiter sees it.</summary>
    public Action<ChatClient, Frame>? OnFrame { get; init; }

    /// <summary>Bytes of the socket's receive buffer: a small one makes a slow reader slow soon. Null: the system's.</summary>
    public int? ReceiveBufferBytes { get; init; }

    /// <summary>Header fields of the upgrade request, and subprotocols.</summary>
    public Action<ClientWebSocketOptions>? Configure { get; init; }
}

/// <summary>One WebSocket connection that keeps all it saw. Every wait ends: with what was awaited, or with a message that says what came instead.</summary>
public sealed class ChatClient : IAsyncDisposable
{
    /// <summary>Longest wait unless a call says otherwise: many times what it takes on a busy machine.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private readonly ClientWebSocket _socket = new();
    private readonly HttpMessageInvoker? _invoker;
    private readonly Action<ChatClient, Frame>? _onFrame;
    private readonly Lock _lock = new();
    private readonly List<Frame> _frames = [];
    private readonly SemaphoreSlim _sending = new(1);
    private TaskCompletionSource _changed = NewSignal();
    private TaskCompletionSource? _paused;
    private Task<int> _reading = Task.FromResult(0);
    private int _references, _disposed;

    private ChatClient(ChatClientOptions options)
    {
        _onFrame = options.OnFrame;
        if (options.Token is not null)
        {
            _socket.Options.SetRequestHeader("Authorization", $"Bearer {options.Token}");
        }

        options.Configure?.Invoke(_socket.Options);
        _invoker = options.ReceiveBufferBytes is { } bytes ? InvokerWith(bytes) : null;
    }

    /// <summary>All frames so far.</summary>
    public IReadOnlyList<Frame> Frames
    {
        get
        {
            lock (_lock)
            {
                return [.. _frames];
            }
        }
    }

    /// <summary>Completes when the connection ended: its close code, 1006 when it ended without one.</summary>
    public Task<int> Closed => _reading;

    /// <summary>Text of the close frame.</summary>
    public string CloseReason => _socket.CloseStatusDescription ?? "";

    /// <summary>The subprotocol that was agreed; null when none.</summary>
    public string? SubProtocol => _socket.SubProtocol;

    /// <summary>Opens a connection.</summary>
    /// <param name="server"><c>http://host:port</c> of a gateway or a node.</param>
    /// <param name="path"><c>/ws/lobby?user_id=ana</c>.</param>
    /// <param name="options">How; null for the defaults.</param>
    public static async Task<ChatClient> ConnectAsync(Uri server, string path, ChatClientOptions? options = null)
    {
        var client = new ChatClient(options ?? new ChatClientOptions());
        try
        {
            using var deadline = new CancellationTokenSource(Deadline);
            var url = new UriBuilder(new Uri(server, path)) { Scheme = server.Scheme == "https" ? "wss" : "ws" }.Uri;
            await client._socket.ConnectAsync(url, client._invoker, deadline.Token);
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }

        client._reading = client.ReadAsync();
        return client;
    }

    /// <summary>Enters a room with a Development identity and waits for <c>connected</c>.</summary>
    public static async Task<ChatClient> JoinAsync(Uri server, string roomId, string userId, ChatClientOptions? options = null)
    {
        var client = await ConnectAsync(server, $"/ws/{roomId}?user_id={userId}&username={userId}", options);
        await client.WaitForAsync("connected");
        return client;
    }

    /// <summary>Sends a text frame as it stands.</summary>
    public Task SendAsync(string json) => SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text);

    /// <summary>Sends a frame as it stands, valid or not.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> payload, WebSocketMessageType type)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await _sending.WaitAsync(deadline.Token);
        try
        {
            await _socket.SendAsync(payload, type, endOfMessage: true, deadline.Token);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends a frame with a reference of its own and waits for the answer to it.</summary>
    /// <param name="fields">The frame's JSON, without <c>ref</c> and braces: <c>"type":"ping"</c>.</param>
    public async Task<Frame> AskAsync(string fields)
    {
        var reference = $"r{Interlocked.Increment(ref _references)}";
        await SendAsync($$"""{{{fields}},"ref":"{{reference}}"}""");
        return await WaitForAsync(frame => frame.Ref == reference, $"the answer to {fields}");
    }

    /// <summary>Sends a message and waits until it is durable.</summary>
    /// <returns><c>message_sent</c>.</returns>
    /// <exception cref="InvalidOperationException">It was refused.</exception>
    public async Task<Frame> SayAsync(string content, string? clientMsgId = null, string? roomId = null)
    {
        var fields = $"\"type\":\"message\",\"content\":{JsonSerializer.Serialize(content)}"
            + (clientMsgId is null ? "" : $",\"client_msg_id\":{JsonSerializer.Serialize(clientMsgId)}")
            + (roomId is null ? "" : $",\"room_id\":{JsonSerializer.Serialize(roomId)}");
        var answer = await AskAsync(fields);
        return answer.Type == "message_sent" ? answer : throw new InvalidOperationException($"Refused: {answer}");
    }

    /// <summary>The first frame of a type, come or to come.</summary>
    public Task<Frame> WaitForAsync(string type) => WaitForAsync(frame => frame.Type == type, $"a frame of type {type}");

    /// <summary>The first frame, come or to come, that matches.</summary>
    /// <param name="match">Which.</param>
    /// <param name="what">For the message when it does not come.</param>
    /// <param name="within">Null for <see cref="Deadline"/>.</param>
    /// <exception cref="TimeoutException">It did not come; the message has the last frames that did.</exception>
    public async Task<Frame> WaitForAsync(Func<Frame, bool> match, string what, TimeSpan? within = null)
    {
        var seen = 0;
        using var deadline = new CancellationTokenSource(within ?? Deadline);
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                for (; seen < _frames.Count; seen++)
                {
                    if (match(_frames[seen]))
                    {
                        return _frames[seen];
                    }
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Awaited {what}; {Came()}");
            }

            if (_reading.IsCompleted && seen == Frames.Count)
            {
                throw new TimeoutException($"Awaited {what}, but the connection was closed with {await _reading} {CloseReason}; {Came()}");
            }
        }
    }

    /// <summary>The contents of the first messages, live ones and those of the greeting.</summary>
    public async Task<IReadOnlyList<string>> ContentsAsync(int count)
    {
        await WaitForAsync(_ => Contents().Count >= count, $"{count} messages");
        return Contents();
    }

    /// <summary>Waits for the end of the connection.</summary>
    /// <returns>The close code.</returns>
    public async Task<int> WaitForCloseAsync(TimeSpan? within = null)
    {
        try
        {
            return await _reading.WaitAsync(within ?? Deadline);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Awaited the end of the connection; {Came()}");
        }
    }

    /// <summary>Stops reading from the socket, except for what one read under way still takes.</summary>
    public void PauseReading() => _paused ??= NewSignal();

    /// <summary>Reads on.</summary>
    public void ContinueReading() => Interlocked.Exchange(ref _paused, null)?.TrySetResult();

    /// <summary>Says goodbye and waits for the answer.</summary>
    public async Task CloseAsync()
    {
        ContinueReading();
        using var deadline = new CancellationTokenSource(Deadline);
        try
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, deadline.Token);
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            return; // It was over before: that is all a goodbye is for.
        }

        await _reading.WaitAsync(deadline.Token);
    }

    /// <summary>Cuts the connection without a word.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _socket.Dispose();
            ContinueReading();
            await _reading;
            _invoker?.Dispose();
            _sending.Dispose();
        }
    }

    private List<string> Contents() =>
        [.. Frames.SelectMany(frame => frame.Type == "message" ? [frame.Text("content")] : frame.Messages("history").Select(message => message.Content))];

    private async Task<int> ReadAsync()
    {
        var buffer = new byte[16 * 1024];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                if (_paused is { } paused)
                {
                    await paused.Task;
                }

                var part = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    await AnswerCloseAsync();
                    return (int?)_socket.CloseStatus ?? 1006;
                }

                message.Write(buffer, 0, part.Count);
                if (part.EndOfMessage)
                {
                    Add(Frame.Parse(Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length)));
                    message.SetLength(0);
                }
            }
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            return (int?)_socket.CloseStatus ?? 1006;
        }
        finally
        {
            Signal();
        }
    }

    private async Task AnswerCloseAsync()
    {
        if (_socket.State == WebSocketState.CloseReceived)
        {
            await _socket.CloseOutputAsync(_socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
    }

    private void Add(Frame frame)
    {
        _onFrame?.Invoke(this, frame);
        lock (_lock)
        {
            _frames.Add(frame);
        }

        Signal();
    }

    private void Signal()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            changed = _changed;
            _changed = NewSignal();
        }

        changed.TrySetResult();
    }

    private string Came()
    {
        var frames = Frames;
        var last = frames.TakeLast(8).Select(frame => frame.Raw.Length > 400 ? frame.Raw[..400] + "…" : frame.Raw);
        return $"{frames.Count} frames came, the last: {string.Join('\n', last)}";
    }

    private static HttpMessageInvoker InvokerWith(int receiveBufferBytes) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.ReceiveBufferSize = receiveBufferBytes;
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
