using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>How far a session has come into a room.</summary>
internal enum MemberState
{
    /// <summary>It has not yet been shown the room: what happens there waits.</summary>
    Joining,

    /// <summary>It receives the room.</summary>
    Live,

    /// <summary>It left, was refused, or its socket is gone. Final.</summary>
    Left,
}

/// <summary>What became of showing a member the room.</summary>
internal enum Showing
{
    /// <summary>It receives the room from now on.</summary>
    Live,

    /// <summary>It left meanwhile; nothing was sent.</summary>
    Left,

    /// <summary>What was to be shown is older than what the room delivered before the member came, or of another epoch; nothing was sent.</summary>
    Stale,

    /// <summary>It was shown, but more happened meanwhile than could wait: read on from <see cref="RoomMember.ShownSeq"/>.</summary>
    Behind,
}

/// <summary>One session in one room. Except for what is said otherwise, everything here happens under the room's <see cref="RoomBinding.Gate"/>.</summary>
internal sealed class RoomMember(Session session, RoomBinding room, string userId) : IOutcomeSink
{
    /// <summary>Bytes of a room's events, about, that wait for the snapshot; what is beyond is read again, or told as a gap.</summary>
    internal const int WaitingCapacityBytes = 128 * 1024;

    private volatile MemberState _state = MemberState.Joining;
    private List<(ServerEvent Event, long Seq)>? _waiting;
    private int _waitingBytes;
    private long _from; // Everything after this seq waits for the member, or was missed.
    private long _shownSeq; // All up to this seq is in what the member was shown.
    private bool _missedCount;
    private long _missedFrom; // 0 when nothing was missed.
    private long _missedTo;
    private CancellationTokenSource? _attempt;
    private Place _place = Place.Unknown;

    public Session Session { get; } = session;

    public RoomBinding Room { get; } = room;

    public string UserId { get; } = userId;

    /// <summary>Place in the room's list of members.</summary>
    internal int Index { get; set; }

    /// <summary>The presence replicas were told that the connection is in the room.</summary>
    internal bool Announced { get; set; }

    /// <summary>May be read without the lock: once it is <see cref="MemberState.Left"/> it stays so.</summary>
    public MemberState State => _state;

    /// <summary>All up to this seq is in what the member was shown.</summary>
    public long ShownSeq => _shownSeq;

    /// <summary>Why the last attempt to enter was refused; null when it was not.</summary>
    public Refusal? Refused { get; set; }

    /// <summary>Why the member may not be in the room any more; null when it may.</summary>
    public Refusal? PutOut { get; set; }

    /// <summary>The member is to be put out unless it is let in after this; null when it is not.</summary>
    public ExitAt? ExitDue { get; set; }

    /// <summary>The user's place in the room. Set under the lock, read without it.</summary>
    public Place Place
    {
        get => Volatile.Read(ref _place);
        set
        {
            if (value.Seq >= _place.Seq)
            {
                Volatile.Write(ref _place, value);
            }
        }
    }

    /// <summary>Ends the attempt to enter that is under way, when the member leaves; null when there is none.</summary>
    public CancellationTokenSource? Attempt
    {
        get => Volatile.Read(ref _attempt);
        set => Volatile.Write(ref _attempt, value);
    }

    /// <summary>The attempts of this session to enter the room, one after the other. Touched by the session's own frames only.</summary>
    public Task Entering { get; set; } = Task.CompletedTask;

    /// <summary>A durable event of the room. The room calls this for all members with the same event.</summary>
    /// <returns>False when the member reads too slowly and missed it.</returns>
    public bool Offer(ServerEvent serverEvent, long seq)
    {
        if (_state == MemberState.Joining)
        {
            return Keep(serverEvent, seq);
        }

        if (seq <= _shownSeq)
        {
            return true;
        }

        // Once something was missed, everything is, until the gap was told: the events of a room never change places.
        if (_missedFrom != 0)
        {
            _missedTo = seq;
            return false;
        }

        if (Session.Send(serverEvent) != SendOutcome.Behind)
        {
            return true;
        }

        Miss(seq);
        return false;
    }

    /// <summary>Something ephemeral that a member who is about to be shown the room must know, too.</summary>
    public void OfferPassing(ServerEvent serverEvent)
    {
        if (_state == MemberState.Live)
        {
            Session.Send(serverEvent);
        }
        else if (_state == MemberState.Joining && serverEvent is OnlineCountEvent)
        {
            _missedCount = true; // Several would come at once.
        }
        else if (_state == MemberState.Joining)
        {
            Keep(serverEvent, 0);
        }
    }

    /// <summary>An answer to the member's own command: after what it was shown, before what the command caused.</summary>
    public void Reply(ServerEvent serverEvent)
    {
        if (_state != MemberState.Joining || !Keep(serverEvent, 0))
        {
            Session.Send(serverEvent);
        }
    }

    void IOutcomeSink.Tell(ServerEvent outcome)
    {
        lock (Room.Gate)
        {
            if (outcome is not EntryEvent answer || !Room.AnswersLater(this, answer))
            {
                Reply(outcome);
            }
        }
    }

    /// <summary>The member enters again: from now on what happens waits for the new snapshot.</summary>
    /// <returns>False when it left.</returns>
    public bool JoinAgain()
    {
        if (_state == MemberState.Left)
        {
            return false;
        }

        _state = MemberState.Joining;
        _from = Room.LastSeq;
        return true;
    }

    /// <summary>The room begins, or begins again, with this seq: a member that is entering gets everything after it.</summary>
    public void BeginFrom(long seq)
    {
        if (_state != MemberState.Joining)
        {
            return;
        }

        (_from, _shownSeq, _missedFrom, _missedTo) = (seq, 0, 0, 0);
        var replies = TakeWaiting();
        replies.RemoveAll(waiting => waiting.Seq != 0);
        foreach (var (serverEvent, _) in replies)
        {
            Keep(serverEvent, 0);
        }
    }

    /// <summary>Whether a snapshot can be shown: nothing is missing between it and what waits for the member.</summary>
    public bool CanShow(string epoch, long seq) => epoch == Room.Epoch && seq >= _from;

    /// <summary>Shows the member the room as of a seq. When nothing is missing after it, the member gets what waited and is live.</summary>
    /// <param name="serverEvent">The last event of what it is shown.</param>
    /// <param name="epoch">Epoch of the seq.</param>
    /// <param name="seq">Everything up to it was shown.</param>
    public Showing Show(ServerEvent? serverEvent, string epoch, long seq)
    {
        if (_state == MemberState.Left)
        {
            return Showing.Left;
        }

        if (!CanShow(epoch, seq))
        {
            return Showing.Stale;
        }

        if (_missedTo <= seq)
        {
            GoLive(serverEvent, seq);
            return Showing.Live;
        }

        if (serverEvent is not null)
        {
            Session.Send(serverEvent);
        }

        _shownSeq = Math.Max(_shownSeq, seq);
        SendWaitingBefore(_missedFrom);
        (_missedFrom, _missedTo, _from) = (0, 0, Room.LastSeq);
        return Showing.Behind;
    }

    /// <summary>Sends what waited and is not in what the member was shown; the member is live.</summary>
    /// <param name="serverEvent">The last event of what it is shown; null when nothing new was.</param>
    /// <param name="seq">0 when nothing new was shown.</param>
    /// <returns>False when it left meanwhile; nothing was sent.</returns>
    public bool GoLive(ServerEvent? serverEvent, long seq)
    {
        if (_state == MemberState.Left)
        {
            return false;
        }

        if (serverEvent is not null)
        {
            Session.Outbox.Answer(serverEvent);
        }

        _shownSeq = Math.Max(_shownSeq, seq);
        var (missedFrom, missedTo) = (_missedFrom, _missedTo);
        (_missedFrom, _missedTo) = (0, 0);
        _state = MemberState.Live;
        if (_missedCount)
        {
            _missedCount = false;
            Room.CountAgain();
        }

        SendWaiting();
        if (missedTo > _shownSeq)
        {
            // What was missed comes after everything that could wait.
            Miss(Math.Max(missedFrom, _shownSeq + 1));
            _missedTo = Math.Max(_missedTo, missedTo);
        }

        return true;
    }

    /// <summary>The member is gone. Its answers that had to wait are sent, if anybody still reads.</summary>
    public void Leave()
    {
        _state = MemberState.Left;
        foreach (var (serverEvent, _) in _waiting ?? [])
        {
            if (serverEvent.Class == DeliveryClass.Control)
            {
                Session.Send(serverEvent);
            }
        }

        TakeWaiting();
    }

    /// <summary>The client has caught up: tells it what it missed. Takes the room's lock itself.</summary>
    public void TellMissed()
    {
        lock (Room.Gate)
        {
            if (_missedFrom == 0 || _state != MemberState.Live)
            {
                return; // A joining member is told when it is live, or is shown what it missed.
            }

            Session.Send(new GapEvent(Room.RoomId, Room.Epoch, _missedFrom, _missedTo));
            (_missedFrom, _missedTo) = (0, 0);
        }
    }

    /// <summary>What became of an entry of the room's epoch for this member.</summary>
    /// <param name="seq">The entry's.</param>
    /// <param name="leftOut">It was not given to the member because too much was waiting for it.</param>
    public ConnectionTrail.Types.Outcome Explain(long seq, bool leftOut)
    {
        if (_state == MemberState.Joining)
        {
            return ConnectionTrail.Types.Outcome.Entering;
        }

        if (seq <= _shownSeq)
        {
            return ConnectionTrail.Types.Outcome.ShownOnEntering;
        }

        if (leftOut || (_missedFrom != 0 && seq >= _missedFrom && seq <= _missedTo))
        {
            return ConnectionTrail.Types.Outcome.LeftOut;
        }

        return seq <= Room.LastSeq ? ConnectionTrail.Types.Outcome.Sent : ConnectionTrail.Types.Outcome.NotYet;
    }

    private void SendWaiting()
    {
        foreach (var (serverEvent, seq) in TakeWaiting())
        {
            if (seq == 0)
            {
                Session.Send(serverEvent);
            }
            else
            {
                Offer(serverEvent, seq);
            }
        }
    }

    // The member goes on entering: what could wait is shown, except for what the outbox does not take, which is read again.
    private void SendWaitingBefore(long missedFrom)
    {
        var takes = true;
        foreach (var (serverEvent, seq) in TakeWaiting())
        {
            if (seq == 0)
            {
                Session.Send(serverEvent);
            }
            else if (takes && seq > _shownSeq)
            {
                takes = Session.Send(serverEvent) != SendOutcome.Behind;
                _shownSeq = takes ? seq : _shownSeq;
            }
        }

        if (takes)
        {
            _shownSeq = Math.Max(_shownSeq, missedFrom - 1);
        }
    }

    private List<(ServerEvent Event, long Seq)> TakeWaiting()
    {
        var waiting = _waiting;
        (_waiting, _waitingBytes) = (null, 0);
        return waiting ?? [];
    }

    private bool Keep(ServerEvent serverEvent, long seq)
    {
        _waiting ??= [];
        var bytes = serverEvent.HeldBytes; // Shared by all members who wait for it: together they hold less.
        if ((_waitingBytes == 0 || _waitingBytes + bytes <= WaitingCapacityBytes) && (seq == 0 || _missedFrom == 0))
        {
            _waiting.Add((serverEvent, seq));
            _waitingBytes += bytes;
            return true;
        }

        if (seq != 0)
        {
            Miss(seq);
        }

        return false;
    }

    private void Miss(long seq)
    {
        if (_missedFrom == 0)
        {
            _missedFrom = seq;
            Session.Missed(this);
        }

        _missedTo = seq;
    }
}
