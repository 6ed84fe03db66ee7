namespace Tertulia.Chat;

/// <summary>What to do after something came from the server.</summary>
/// <param name="Show">Lines that are now complete up to here, in order; none of them was shown before.</param>
/// <param name="PageAfter">Ask for the history after this seq; null when nothing is missing.</param>
internal readonly record struct Step(IReadOnlyList<ChatLine> Show, long? PageAfter = null);

/// <summary>What this client has shown of its room: each message once, in the order of seq, whatever was missed meanwhile. What was changed while it was missed
/// may come later.</summary>
internal sealed class RoomView
{
    private const int MaxShown = 1_000; // A resume shows at most 300.

    private readonly SortedDictionary<long, ChatLine> _held = [];
    private readonly HashSet<long> _shown = []; // Since the present connection resumed.
    private long _holeEnd, _askedUpTo, _resumedFrom;

    /// <summary>Null before the first connection.</summary>
    public string? Epoch { get; private set; }

    /// <summary>Everything up to here was shown.</summary>
    public long LastSeq { get; private set; }

    /// <summary>A connection stands.</summary>
    /// <param name="epoch">The room's present epoch.</param>
    /// <param name="seq">The room's position. What was missed may be too much for one frame: the rest of it comes as messages.</param>
    /// <param name="lines">What was missed, or the newest page.</param>
    /// <param name="recovered">False when <paramref name="lines"/> may not reach back to the position.</param>
    public Step Connected(string epoch, long seq, IReadOnlyList<ChatLine> lines, bool recovered)
    {
        var first = Epoch is null || Epoch != epoch;
        if (first)
        {
            Forget();
            Epoch = epoch;
        }

        _holeEnd = 0; // What was asked for on the connection before is not answered any more.
        _shown.Clear();
        _resumedFrom = LastSeq;
        Hold(lines);
        if (!first && !recovered && seq > LastSeq)
        {
            return Gap(LastSeq + 1, lines.Count > 0 ? lines[0].Seq - 1 : seq);
        }

        var shown = ShowHeld();
        if (first)
        {
            LastSeq = Math.Max(LastSeq, seq); // Otherwise what did not fit into the frame is still to come, as messages.
            _resumedFrom = LastSeq;
        }

        return new Step(shown);
    }

    /// <summary>A live message.</summary>
    public Step Message(ChatLine line)
    {
        Hold([line]);
        return new Step(ShowHeld());
    }

    /// <summary>The server left these out: page them. Later ones wait.</summary>
    public Step Gap(long from, long to)
    {
        if (to < from || to <= LastSeq)
        {
            return new Step(ShowHeld());
        }

        var asked = _holeEnd > 0;
        _holeEnd = Math.Max(_holeEnd, to);
        if (asked)
        {
            return new Step([]);
        }

        _askedUpTo = _holeEnd;
        return new Step([], LastSeq);
    }

    /// <summary>A page that was asked for.</summary>
    public Step Page(IReadOnlyList<ChatLine> lines, bool hasMore)
    {
        Hold(lines);
        var complete = !hasMore || lines.Count == 0 || lines[^1].Seq >= _holeEnd;
        if (complete && _holeEnd == _askedUpTo)
        {
            _holeEnd = 0;
            return new Step(ShowHeld());
        }

        // There is more, or the hole grew after this page was asked for.
        _askedUpTo = _holeEnd;
        return new Step(ShowHeld(lines.Count > 0 ? lines[^1].Seq : LastSeq), LastSeq);
    }

    /// <summary>Positions are void (close code 4005, another epoch): the next connection starts as the first one did.</summary>
    public void Forget()
    {
        _held.Clear();
        (_holeEnd, LastSeq, Epoch) = (0, 0, null);
    }

    private void Hold(IReadOnlyList<ChatLine> lines)
    {
        foreach (var line in lines)
        {
            // What was missed and then changed comes at the place of its change: after messages that are newer than it.
            if (line.Seq > LastSeq || (line.Seq > _resumedFrom && !_shown.Contains(line.Seq)))
            {
                _held[line.Seq] = line;
            }
        }
    }

    private List<ChatLine> ShowHeld() => _holeEnd > 0 ? [] : ShowHeld(long.MaxValue);

    private List<ChatLine> ShowHeld(long upTo)
    {
        List<ChatLine> shown = [.. _held.Values.TakeWhile(line => line.Seq <= upTo)];
        foreach (var line in shown)
        {
            _held.Remove(line.Seq);
            _shown.Add(line.Seq);
            LastSeq = Math.Max(LastSeq, line.Seq);
        }

        if (_shown.Count > MaxShown)
        {
            _shown.Clear();
            _resumedFrom = LastSeq;
        }

        return shown;
    }
}
