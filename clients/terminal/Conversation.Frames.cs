using System.Diagnostics;

namespace Tertulia.Chat;

/// <summary>What the server's frames do.</summary>
internal sealed partial class Conversation
{
    private void OnFrame(ServerFrame frame)
    {
        switch (frame.Type)
        {
            case "connected":
                OnConnected(frame);
                break;
            case "message":
                StopTyping(frame.Text("username"));
                Apply(_room.Message(frame.Line()));
                break;
            case "message_sent":
                Settled(frame.Text("client_msg_id"));
                break;
            case "gap":
                Apply(_room.Gap(frame.Number("from_seq"), frame.Number("to_seq")));
                break;
            case "history":
                Apply(_room.Page(frame.Lines("items"), frame.Flag("has_more")));
                break;
            case "user_joined":
                screen.Note($"{SafeText.Of(frame.Text("username"))} is here");
                break;
            case "user_left":
                StopTyping(frame.Text("username"));
                screen.Note($"{SafeText.Of(frame.Text("username"))} left");
                break;
            case "typing":
                OnTyping(frame.Text("username"), frame.Flag("is_typing"));
                break;
            case "pong":
                screen.Note($"pong in {Stopwatch.GetElapsedTime(_pingSentAt).TotalMilliseconds:0.0} ms");
                break;
            case "reconnect":
                OnReconnectAdvice(frame);
                break;
            case "error":
                OnError(frame);
                break;
        }
    }

    private void OnConnected(ServerFrame frame)
    {
        var again = _room.Epoch is not null;
        _joined = true;
        _backoff.Reset();
        var present = string.Join(", ", frame.Usernames("active_users").Select(SafeText.Of));
        screen.Note(again ? "connected again" : $"in room {options.Room} as {SafeText.Of(options.Name)}; here: {present}");

        var (epoch, seq) = frame.Position(options.Room);
        Apply(_room.Connected(epoch, seq, frame.Lines("history"), frame.Flag("recovered")));
        SendNext();
    }

    private void Apply(Step step)
    {
        foreach (var line in step.Show)
        {
            screen.Message(line);
        }

        if (step.PageAfter is { } after)
        {
            _link?.Send(ClientFrames.History(after));
        }
    }

    private void OnTyping(string username, bool isTyping)
    {
        if (isTyping)
        {
            _typing.Add(username);
        }
        else
        {
            _typing.Remove(username);
        }

        screen.Typing(_typing);
    }

    private void StopTyping(string username)
    {
        if (_typing.Remove(username))
        {
            screen.Typing(_typing);
        }
    }

    /// <summary>The server is about to go: leave it at a moment of one's own, spread over the jitter, and come back through another.</summary>
    private void OnReconnectAdvice(ServerFrame frame)
    {
        var link = _link;
        var wait = frame.Number("delay_ms") + (frame.Number("jitter_ms") * Random.Shared.NextDouble());
        After(TimeSpan.FromMilliseconds(wait), () =>
        {
            if (_link == link && link is not null)
            {
                link.Leave();
                (_joined, _awaitingAck) = (false, false);
                Connect();
            }
        });
    }

    private void OnError(ServerFrame frame)
    {
        var sentence = $"{SafeText.Of(frame.Text("message"))} ({SafeText.Of(frame.Text("name"))})";
        if (!_unsent.TryPeek(out var head) || head.ClientMsgId != frame.Ref)
        {
            screen.Note(sentence);
            return;
        }

        if (!frame.Flag("temporary"))
        {
            screen.Note($"not sent: {sentence}");
            Settled(head.ClientMsgId);
            return;
        }

        var retry = frame.Number("retry_after_ms");
        screen.Note($"waiting: {sentence}");
        After(retry > 0 ? TimeSpan.FromMilliseconds(retry) : _backoff.Next(), () =>
        {
            _awaitingAck = false;
            SendNext();
        });
    }
}
