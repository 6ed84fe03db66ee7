using System.Diagnostics;
using System.Threading.Channels;

namespace Tertulia.Chat;

/// <summary>The user's stay in one room, over as many connections as it takes.</summary>
/// <remarks>Everything that happens comes through one channel and is handled by one reader, so nothing here is locked.</remarks>
internal sealed partial class Conversation(ChatOptions options, Screen screen) : IDisposable
{
    private readonly Channel<ChatEvent> _events = Channel.CreateUnbounded<ChatEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly RoomView _room = new();
    private readonly Backoff _backoff = new(Random.Shared.NextDouble);
    private readonly Queue<(string ClientMsgId, string Content)> _unsent = new();
    private readonly HashSet<string> _typing = [];
    private readonly List<Task> _tasks = [];

    private Link? _link;
    private bool _joined, _awaitingAck, _leaving, _isTyping, _endOfInput;
    private long _pingSentAt;
    private int? _exitCode;

    /// <summary>Hands in an event, from any thread.</summary>
    public void Post(ChatEvent happened) => _events.Writer.TryWrite(happened);

    /// <returns>Exit code: 0 when the user left, 1 when the server does not want this client back.</returns>
    public async Task<int> RunAsync()
    {
        screen.StartReading(Post);
        Connect();
        while (_exitCode is null)
        {
            Handle(await _events.Reader.ReadAsync());
            _tasks.RemoveAll(task => task.IsCompleted);
        }

        await _stop.CancelAsync();
        await Task.WhenAll(_tasks);
        return _exitCode.Value;
    }

    /// <inheritdoc />
    public void Dispose() => _stop.Dispose();

    private void Handle(ChatEvent happened)
    {
        switch (happened)
        {
            case Typed typed:
                OnTyped(typed.Line);
                break;
            case EndOfInput:
                _endOfInput = true;
                LeaveWhenAllIsSent();
                break;
            case Quit:
                LeaveNow();
                break;
            case Received received when received.Link == _link:
                OnFrame(received.Frame);
                break;
            case LinkEnded ended when ended.Link == _link:
                OnEnded(ended);
                break;
            case Due due:
                due.Then();
                break;
            case Statistics statistics:
                screen.Note(statistics.Text);
                break;
        }
    }

    private void Connect()
    {
        _link = new Link(options.SocketUrl(_room.Epoch, _room.LastSeq), options.Token, Post);
        _tasks.Add(_link.RunAsync(_stop.Token));
    }

    private void OnTyped(string line)
    {
        switch (line.Trim())
        {
            case "":
                break;
            case "/quit":
                LeaveNow();
                break;
            case "/ping":
                _pingSentAt = Stopwatch.GetTimestamp();
                WhenJoined(() => _link!.Send(ClientFrames.Ping("ping")));
                break;
            case "/typing":
                _isTyping = !_isTyping;
                WhenJoined(() => _link!.Send(ClientFrames.Typing(_isTyping)));
                break;
            case "/stats":
                _tasks.Add(FetchStatisticsAsync());
                break;
            case ['/', ..] command when !command.Contains(' '):
                screen.Note($"{SafeText.Of(command)}? There are /ping /typing /stats /quit");
                break;
            default:
                _isTyping = false;
                _unsent.Enqueue((Guid.CreateVersion7().ToString(), line));
                SendNext();
                break;
        }
    }

    private void WhenJoined(Action send)
    {
        if (_joined)
        {
            send();
        }
        else
        {
            screen.Note("not connected");
        }
    }

    /// <summary>One message at a time: the next goes out when the one before is durable, so a refusal in between cannot change their order.</summary>
    private void SendNext()
    {
        if (_joined && !_awaitingAck && _unsent.TryPeek(out var next))
        {
            _awaitingAck = _link!.Send(ClientFrames.Message(next.ClientMsgId, next.Content));
        }
    }

    private void Settled(string clientMsgId)
    {
        if (_unsent.TryPeek(out var head) && head.ClientMsgId == clientMsgId)
        {
            _unsent.Dequeue();
            _awaitingAck = false;
            SendNext();
            LeaveWhenAllIsSent();
        }
    }

    private void LeaveWhenAllIsSent()
    {
        if (_endOfInput && _unsent.Count == 0)
        {
            LeaveNow();
        }
    }

    private void LeaveNow()
    {
        if (_link is null || !_joined)
        {
            _exitCode = 0;
            return;
        }

        _leaving = true;
        _link.Leave();
    }

    private void OnEnded(LinkEnded ended)
    {
        (_link, _joined, _awaitingAck) = (null, false, false);
        _typing.Clear();
        screen.Typing(_typing);
        if (_leaving)
        {
            _exitCode = 0;
            return;
        }

        // The code is the verdict (docs/protocol.md): 4500 and above, and a plain goodbye, mean do not come back.
        var detail = $"{ended.Code} {SafeText.Of(ended.Reason)}".TrimEnd();
        if (ended.Code is >= 4500 or 1000 or 1009 || (ended.Code == 4004 && options.Token is not null))
        {
            screen.Note($"the server ended the conversation: {detail}");
            _exitCode = 1;
            return;
        }

        if (ended.Code == 4005)
        {
            _room.Forget();
        }

        var wait = _backoff.Next();
        screen.Note($"not connected ({detail}); again in {wait.TotalSeconds:0.0} s");
        After(wait, Connect);
    }

    private void After(TimeSpan wait, Action then) => _tasks.Add(PostLaterAsync(wait, then));

    private async Task PostLaterAsync(TimeSpan wait, Action then)
    {
        try
        {
            await Task.Delay(wait, _stop.Token);
            Post(new Due(then));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return; // The program ends: nobody waits for it any more.
        }
    }

    private async Task FetchStatisticsAsync()
    {
        try
        {
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            if (options.Token is not null)
            {
                http.DefaultRequestHeaders.Authorization = new("Bearer", options.Token);
            }

            var answer = await http.GetAsync(options.StatsUrl, _stop.Token);
            var body = await answer.Content.ReadAsStringAsync(_stop.Token);
            Post(new Statistics(answer.IsSuccessStatusCode ? SafeText.Of(body) : $"no statistics: {(int)answer.StatusCode}"));
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            Post(new Statistics("no statistics: no answer"));
        }
    }
}
