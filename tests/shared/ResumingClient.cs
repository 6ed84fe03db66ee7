using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;

namespace Tertulia.Testing;

/// <summary>A client as docs/protocol.md asks for: comes back after every close that allows it, resumes by seq, sends unacknowledged messages
/// again with the same id, shows each seq once and in order, pages gaps, follows <c>reconnect</c>.</summary>
/// <param name="servers">Doors; each connection takes the next one.</param>
/// <param name="roomId">The room.</param>
/// <param name="userId">Development identity.</param>
/// <param name="random">Chooses the first door and the waits.</param>
public sealed class ResumingClient(IReadOnlyList<Uri> servers, string roomId, string userId, Random random) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, PendingMessage> _pending = [];
    private readonly ConcurrentDictionary<string, Question> _questions = [];
    private readonly ConcurrentQueue<AcknowledgedMessage> _acknowledged = [];
    private readonly ConcurrentQueue<int> _closeCodes = [];
    private readonly ConcurrentQueue<RoomView> _views = [];
    private readonly ConcurrentQueue<Task> _tasks = [];
    private readonly TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ChatClient? _connection;
    private long? _resumedFrom;
    private Task _running = Task.CompletedTask;
    private int _nextServer = random.Next(servers.Count), _sent;

    private sealed record Question(string Json, TaskCompletionSource<Frame> Done);

    private sealed record PendingMessage(long Number, string Json, TaskCompletionSource<AcknowledgedMessage> Done);

    /// <summary>Who.</summary>
    public string UserId => userId;

    /// <summary>The connection that stands; null between two.</summary>
    public ChatClient? Connection => _connection;

    /// <summary>See <see cref="ChatClientOptions.ReceiveBufferBytes"/>; of the connections from now on.</summary>
    public int? ReceiveBufferBytes { get; set; }

    /// <summary>See <see cref="ChatClientOptions.Token"/>.</summary>
    public string? Token { get; init; }

    /// <summary>What the user saw.</summary>
    public Transcript Transcript { get; } = new();

    /// <summary>The room's messages as this client holds them, changes included.</summary>
    public RoomPicture Picture { get; } = new();

    /// <summary>What the server said is durable.</summary>
    public IReadOnlyList<AcknowledgedMessage> Acknowledged => [.. _acknowledged];

    /// <summary>How many that are, so far.</summary>
    public int AcknowledgedCount => _acknowledged.Count;

    /// <summary>How each connection ended; 1006 without a close frame.</summary>
    public IReadOnlyList<int> CloseCodes => [.. _closeCodes];

    /// <summary>Connects and waits until it is in the room.</summary>
    /// <param name="within">Null for <see cref="ChatClient.Deadline"/>.</param>
    public async Task StartAsync(TimeSpan? within = null)
    {
        _running = RunAsync();
        await await Eventually.CompletesAsync(Task.WhenAny(_joined.Task, _running), $"{userId} is in {roomId}", within ?? ChatClient.Deadline);
    }

    /// <summary>Sends a message; completes when it is durable, however many connections that takes.</summary>
    public async Task<AcknowledgedMessage> SendAsync(string content)
    {
        var number = Interlocked.Increment(ref _sent);
        var id = $"{userId}-{number}";
        var json = JsonSerializer.Serialize(new { type = "message", @ref = id, client_msg_id = id, content });
        var message = new PendingMessage(number, json, new TaskCompletionSource<AcknowledgedMessage>(TaskCreationOptions.RunContinuationsAsynchronously));
        _pending[id] = message;
        await TrySendAsync(_connection, json);
        return await message.Done.Task;
    }

    /// <summary>Asks, and again on the next connection or when it is told to; completes with an answer that is not temporary.</summary>
    /// <param name="fields">The frame's JSON, without <c>ref</c> and braces.</param>
    public async Task<Frame> AskAsync(string fields)
    {
        var reference = $"ask-{Interlocked.Increment(ref _sent)}";
        var question = new Question($$"""{{{fields}},"ref":"{{reference}}"}""", new TaskCompletionSource<Frame>(TaskCreationOptions.RunContinuationsAsynchronously));
        _questions[reference] = question;
        await TrySendAsync(_connection, question.Json);
        return await question.Done.Task;
    }

    /// <summary>Reads the whole room, page by page.</summary>
    public async Task<IReadOnlyList<ShownMessage>> ReadHistoryAsync()
    {
        List<ShownMessage> history = [];
        while (true)
        {
            var after = history.Count == 0 ? 0 : history[^1].Seq;
            var page = await Eventually.CompletesAsync(
                AskAsync($"\"type\":\"history\",\"after_seq\":{after},\"limit\":100"), $"{userId} reads what follows {after} in {roomId}", 2 * ChatClient.Deadline);
            history.AddRange(page.Type == "history" ? page.Messages("items") : throw new InvalidOperationException($"{userId}: {page}"));
            if (!page.Flag("has_more"))
            {
                return history;
            }
        }
    }

    /// <summary>Breaks the connection that stands without a word; the client comes back by itself.</summary>
    public ValueTask CutAsync() => _connection?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>Everything the checker wants to know, at the end.</summary>
    public async Task<Observation> ObserveAsync()
    {
        var now = _connection is { } connection && RoomView.Of(connection.Frames, _resumedFrom) is { } view ? [view] : Array.Empty<RoomView>();
        return new(userId, Transcript.Since, Transcript.Shown, Acknowledged, await ReadHistoryAsync()) { Views = [.. _views, .. now] };
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await Task.WhenAll(_tasks);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var server = servers[_nextServer++ % servers.Count];
            try
            {
                _resumedFrom = Transcript.Epoch is null ? null : Transcript.LastSeq;
                var position = _resumedFrom is { } seq ? $"&last_seq={seq}&epoch={Transcript.Epoch}" : "";
                await using var connection = await ChatClient.ConnectAsync(
                    server, $"/ws/{roomId}?user_id={userId}&username={userId}{position}",
                    new ChatClientOptions { OnFrame = OnFrame, ReceiveBufferBytes = ReceiveBufferBytes, Token = Token });
                await StayAsync(connection);
            }
            catch (Exception refused) when (refused is WebSocketException or IOException or OperationCanceledException or HttpRequestException)
            {
                await PauseAsync(TimeSpan.FromMilliseconds(50 + random.Next(450)));
            }
        }
    }

    private async Task StayAsync(ChatClient connection)
    {
        using var leave = _stop.Token.Register(() => _tasks.Enqueue(GoodbyeAsync(connection))); // At once where it was told to stop while it connected.
        var code = await connection.Closed;
        if (_connection == connection)
        {
            _connection = null;
        }

        if (RoomView.Of(connection.Frames, _resumedFrom) is { } view)
        {
            _views.Enqueue(view);
        }

        if (_stop.IsCancellationRequested)
        {
            return;
        }

        _closeCodes.Enqueue(code);
        if (code is >= 4500 and < 5000)
        {
            throw new InvalidOperationException($"{userId} was told not to come back: {code} {connection.CloseReason}");
        }
    }

    private void OnFrame(ChatClient connection, Frame frame)
    {
        Picture.Take(frame);
        if (frame.Ref.Length > 0 && _questions.TryGetValue(frame.Ref, out var question))
        {
            OnAnswered(connection, frame, question);
            return;
        }

        switch (frame.Type)
        {
            case "connected":
                PageFrom(connection, Transcript.Greeted(frame));
                _connection = connection;
                _joined.TrySetResult();
                _tasks.Enqueue(SendPendingAsync(connection));
                break;
            case "message":
                Transcript.Message(ShownMessage.From(frame.Data));
                break;
            case "message_sent":
                OnAcknowledged(frame);
                break;
            case "gap":
                PageFrom(connection, Transcript.Gap(frame.Number("to_seq")));
                break;
            case "history" when frame.Ref == "gap":
                PageFrom(connection, Transcript.Page(frame.Messages("items"), frame.Flag("has_more")));
                break;
            case "reconnect":
                var wait = frame.Number("delay_ms") + (frame.Number("jitter_ms") * random.NextDouble());
                _tasks.Enqueue(LeaveAsync(connection, TimeSpan.FromMilliseconds(Math.Max(1, wait))));
                break;
            case "error" when frame.Ref == "gap":
                PageFrom(connection, Transcript.LastSeq);
                break;
            case "error" when frame.Ref.Length > 0:
                OnRefused(connection, frame);
                break;
            case "error" when _connection is null:
                _tasks.Enqueue(connection.CloseAsync()); // It could not enter the room now: try again.
                break;
        }
    }

    private void OnAnswered(ChatClient connection, Frame frame, Question question)
    {
        if (frame.Type == "error" && frame.Flag("temporary"))
        {
            _tasks.Enqueue(SendAgainAsync(connection, question.Json, RetryAfter(frame)));
        }
        else if (_questions.TryRemove(frame.Ref, out _))
        {
            question.Done.TrySetResult(frame);
        }
    }

    private void OnAcknowledged(Frame frame)
    {
        var sent = new AcknowledgedMessage(frame.Text("client_msg_id"), frame.Text("message_id"), frame.Number("seq"));
        if (_pending.TryRemove(sent.ClientMsgId, out var message))
        {
            _acknowledged.Enqueue(sent);
            message.Done.TrySetResult(sent);
        }
    }

    private void OnRefused(ChatClient connection, Frame frame)
    {
        if (!_pending.TryGetValue(frame.Ref, out var message))
        {
            return;
        }

        if (frame.Flag("temporary"))
        {
            _tasks.Enqueue(SendAgainAsync(connection, message.Json, RetryAfter(frame)));
        }
        else if (_pending.TryRemove(frame.Ref, out _))
        {
            message.Done.TrySetException(new InvalidOperationException($"{userId}: {frame}"));
        }
    }

    private void PageFrom(ChatClient connection, long? after)
    {
        if (after is { } seq)
        {
            _tasks.Enqueue(TrySendAsync(connection, $$"""{"type":"history","ref":"gap","after_seq":{{seq}},"limit":100}"""));
        }
    }

    private async Task SendPendingAsync(ChatClient connection)
    {
        foreach (var message in _pending.Values.OrderBy(message => message.Number))
        {
            await TrySendAsync(connection, message.Json);
        }

        foreach (var question in _questions.Values)
        {
            await TrySendAsync(connection, question.Json);
        }
    }

    private static TimeSpan RetryAfter(Frame error) => TimeSpan.FromMilliseconds(Math.Max(100, error.Number("retry_after_ms")));

    private async Task SendAgainAsync(ChatClient connection, string json, TimeSpan after)
    {
        await PauseAsync(after);
        await TrySendAsync(connection, json);
    }

    private async Task LeaveAsync(ChatClient connection, TimeSpan after)
    {
        await PauseAsync(after);
        await connection.CloseAsync();
    }

    private static async Task GoodbyeAsync(ChatClient connection)
    {
        try
        {
            await connection.CloseAsync();
        }
        finally
        {
            await connection.DisposeAsync(); // Its reader ends, whatever the server does.
        }
    }

    private static async Task TrySendAsync(ChatClient? connection, string json)
    {
        try
        {
            await (connection?.SendAsync(json) ?? Task.CompletedTask);
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            return; // What was not sent is asked for or sent again on the next connection.
        }
    }

    private async Task PauseAsync(TimeSpan wait)
    {
        using var timer = new PeriodicTimer(wait);
        try
        {
            await timer.WaitForNextTickAsync(_stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return; // Stopped while it waited: the caller's loop ends.
        }
    }
}
