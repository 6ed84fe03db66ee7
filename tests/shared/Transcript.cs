namespace Tertulia.Testing;

/// <summary>What a user is shown of a room: each seq once, in order, whatever was missed and however it comes in afterwards.</summary>
public sealed class Transcript
{
    private readonly Lock _lock = new();
    private readonly List<ShownMessage> _shown = [];
    private readonly SortedDictionary<long, ShownMessage> _held = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _holeEnd, _askedUpTo;

    /// <summary>Null before the first greeting.</summary>
    public string? Epoch { get; private set; }

    /// <summary>The room's seq at the first greeting: the transcript begins after it.</summary>
    public long Since { get; private set; }

    /// <summary>The position to resume from.</summary>
    public long LastSeq { get; private set; }

    /// <summary>In the order in which they were shown.</summary>
    public IReadOnlyList<ShownMessage> Shown
    {
        get
        {
            lock (_lock)
            {
                return [.. _shown];
            }
        }
    }

    /// <summary>A greeting, or the answer to a join: what was missed, or the newest page.</summary>
    /// <returns>As <see cref="Gap"/>.</returns>
    public long? Greeted(Frame frame)
    {
        lock (_lock)
        {
            _holeEnd = 0; // What was asked for on the connection before is not answered any more.
            if (Epoch is null)
            {
                (Epoch, Since, LastSeq) = (frame.Epoch, frame.Seq, frame.Seq);
                return null;
            }

            if (Epoch != frame.Epoch)
            {
                throw new InvalidOperationException($"The epoch changed from {Epoch} to {frame.Epoch}");
            }

            var messages = frame.Messages("history");
            Hold(messages);
            if (!frame.Flag("recovered") && frame.Seq > LastSeq)
            {
                return OpenHole(messages.Count > 0 ? messages[0].Seq - 1 : frame.Seq);
            }

            ShowHeld(long.MaxValue);
            return null;
        }
    }

    /// <summary>A live message.</summary>
    public void Message(ShownMessage message)
    {
        lock (_lock)
        {
            Hold([message]);
            if (_holeEnd == 0)
            {
                ShowHeld(long.MaxValue);
            }
        }
    }

    /// <summary>The server left entries out.</summary>
    /// <returns>The seq after which to page the history; null when nothing is to be asked for.</returns>
    public long? Gap(long to)
    {
        lock (_lock)
        {
            return OpenHole(to);
        }
    }

    /// <summary>A page of the history that was asked for.</summary>
    /// <returns>As <see cref="Gap"/>.</returns>
    public long? Page(IReadOnlyList<ShownMessage> messages, bool hasMore)
    {
        lock (_lock)
        {
            Hold(messages);
            var complete = !hasMore || messages.Count == 0 || messages[^1].Seq >= _holeEnd;
            if (complete && _holeEnd == _askedUpTo)
            {
                _holeEnd = 0;
                ShowHeld(long.MaxValue);
                return null;
            }

            // There is more, or the hole grew after this page was asked for.
            ShowHeld(messages.Count > 0 ? messages[^1].Seq : LastSeq);
            _askedUpTo = _holeEnd;
            return LastSeq;
        }
    }

    /// <summary>Waits until everything up to a seq was shown.</summary>
    /// <exception cref="TimeoutException">It was not.</exception>
    public async Task WaitForSeqAsync(long seq, TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (LastSeq >= seq)
                {
                    return;
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Awaited seq {seq}; shown is up to {LastSeq}, hole up to {_holeEnd}, held back {_held.Count}");
            }
        }
    }

    private long? OpenHole(long to)
    {
        if (to <= LastSeq)
        {
            ShowHeld(_holeEnd > 0 ? LastSeq : long.MaxValue);
            return null;
        }

        var asked = _holeEnd > 0;
        _holeEnd = Math.Max(_holeEnd, to);
        if (asked)
        {
            return null;
        }

        _askedUpTo = _holeEnd;
        return LastSeq;
    }

    private void Hold(IReadOnlyList<ShownMessage> messages)
    {
        foreach (var message in messages.Where(message => message.Seq > LastSeq))
        {
            _held[message.Seq] = message;
        }
    }

    private void ShowHeld(long upTo)
    {
        foreach (var message in _held.Values.TakeWhile(message => message.Seq <= upTo).ToArray())
        {
            _held.Remove(message.Seq);
            _shown.Add(message);
            LastSeq = message.Seq;
        }

        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }
}
