using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

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

/// <summary>One session in one room. Except for what is said otherwise, everything here happens under the room's <see cref="RoomBinding.Gate"/>.</summary>
internal sealed class RoomMember(Session session, RoomBinding room, string userId)
{
    /// <summary>Frames of a room that wait for the snapshot; more are told as a gap.</summary>
    internal const int WaitingCapacity = 4096;

    private volatile MemberState _state = MemberState.Joining;
    private List<(ServerEvent Event, long Seq)>? _waiting;
    private long _shownSeq; // All up to this seq is in what the member was shown.
    private long _missedFrom; // 0 when nothing was missed.
    private long _missedTo;

    public Session Session { get; } = session;

    public RoomBinding Room { get; } = room;

    public string UserId { get; } = userId;

    /// <summary>Place in the room's list of members.</summary>
    internal int Index { get; set; }

    /// <summary>The presence replicas were told that the connection is in the room.</summary>
    internal bool Announced { get; set; }

    /// <summary>May be read without the lock: once it is <see cref="MemberState.Left"/> it stays so.</summary>
    public MemberState State => _state;

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

        // Once something was missed, everything is, until the gap was told: the frames of a room never change places.
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

    /// <summary>The member enters again: from now on what happens waits for the new snapshot.</summary>
    /// <returns>False when it left.</returns>
    public bool JoinAgain()
    {
        if (_state == MemberState.Left)
        {
            return false;
        }

        _state = MemberState.Joining;
        return true;
    }

    /// <summary>The member was shown the room as of a seq: sends what happened after it and is live.</summary>
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
            Session.Send(serverEvent);
        }

        _shownSeq = Math.Max(_shownSeq, seq);
        var (missedFrom, missedTo) = (_missedFrom, _missedTo);
        (_missedFrom, _missedTo) = (0, 0);
        _state = MemberState.Live;
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

        _waiting = null;
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

    private void SendWaiting()
    {
        var waiting = _waiting;
        _waiting = null;
        foreach (var (serverEvent, seq) in waiting ?? [])
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

    private bool Keep(ServerEvent serverEvent, long seq)
    {
        _waiting ??= [];
        if (_waiting.Count < WaitingCapacity && (seq == 0 || _missedFrom == 0))
        {
            _waiting.Add((serverEvent, seq));
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
