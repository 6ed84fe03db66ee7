using System.Diagnostics;
using Tertulia.Bus;
using Tertulia.Connections.Events;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <content>From the entries that arrive to the frames in the members' outboxes: strictly in the order of seq.</content>
internal sealed partial class RoomBinding
{
    private string _formerEpoch = ""; // Until the present one began.
    private bool _hasLost; // Entries that nobody here was told.
    private long _holeSince; // Time stamp; 0 when nothing is missing.
    private long _epochOwner; // The highest owner epoch under which the present epoch was told.

    /// <summary>False until the first answer to a join: what comes before it is in the snapshot.</summary>
    public bool HasBase => _order.HasBase;

    /// <summary>The node receives everything after this seq. Only the first base counts: later it is the deliveries that do.</summary>
    /// <param name="epoch">Epoch of the store that gave the seq.</param>
    /// <param name="seq">The room's last one.</param>
    /// <param name="members">Members of the room.</param>
    /// <param name="ownerEpoch">Of the owner who says so.</param>
    public void SetBase(string epoch, long seq, uint members, long ownerEpoch)
    {
        lock (Gate)
        {
            if (!_order.HasBase)
            {
                Restart(epoch, seq);
                (MemberCount, _epochOwner) = (members, ownerEpoch);
            }
        }
    }

    /// <summary>Consecutive entries as the room's writer sent them.</summary>
    /// <returns>True when the caller has to start a repair: something before them is missing.</returns>
    public bool OnEvents(RoomEvents entries)
    {
        lock (Gate)
        {
            if (!_order.HasBase || Removed || entries.Events.Count == 0)
            {
                return false;
            }

            if (entries.Epoch != Epoch)
            {
                if (entries.Epoch == _formerEpoch)
                {
                    return Doubt(); // An older owner's, or the store went back once more: the present owner knows.
                }

                Restart(entries.Epoch, entries.Events[0].Seq - 1);
            }

            var old = 0;
            for (var index = 0; index < entries.Events.Count; index++) // Not foreach: the enumerator of a RepeatedField is an allocation.
            {
                var entry = entries.Events[index];
                switch (_order.Accept(entry))
                {
                    case Arrival.Next:
                        Deliver(entry);
                        DeliverWaiting();
                        break;
                    case Arrival.Old:
                        old++;
                        break;
                }
            }

            if (old > 0)
            {
                Telemetry.DuplicatesSuppressed.Add(old);
            }

            return NeedsRepair();
        }
    }

    /// <summary>The room's writer says how far the room is, after everything it sent before.</summary>
    /// <param name="epoch">Epoch of the store that gave the seq.</param>
    /// <param name="seq">The room's last one.</param>
    /// <param name="members">Members of the room at that seq.</param>
    /// <param name="ownerEpoch">Of the owner who says so: what an older one says of the epoch is not believed.</param>
    /// <returns>True when the caller has to start a repair.</returns>
    public bool OnPosition(string epoch, long seq, uint members, long ownerEpoch)
    {
        lock (Gate)
        {
            if (Removed)
            {
                return false;
            }

            if (epoch != Epoch)
            {
                if (ownerEpoch < _epochOwner)
                {
                    return false;
                }

                Restart(epoch, seq);
            }

            _epochOwner = Math.Max(_epochOwner, ownerEpoch);
            if (seq >= LastSeq)
            {
                MemberCount = members; // Otherwise entries that came since have told a newer one.
            }

            _order.Expect(seq);
            return NeedsRepair();
        }
    }

    /// <summary>The range that is to be read from the log.</summary>
    /// <returns>False when nothing is missing: the repair has ended.</returns>
    public bool TryGetHole(out long from, out long to)
    {
        lock (Gate)
        {
            (from, to) = (_order.Last + 1, _order.Known);
            return _repairing = _order.HasHole && !Removed;
        }
    }

    /// <summary>What the log holds from the first missing seq on.</summary>
    /// <param name="entries">In the order of seq.</param>
    /// <param name="coveredTo">What is not among the entries up to this seq is not in the log, and will never be.</param>
    /// <returns>False when it brought nothing new.</returns>
    public bool OnRepaired(RoomEvents entries, long coveredTo)
    {
        lock (Gate)
        {
            if (Removed)
            {
                return false;
            }

            if (entries.Epoch != Epoch)
            {
                return Doubt(); // Any replica may have answered: the present owner says which epoch it is.
            }

            var before = _order.Last;
            foreach (var entry in entries.Events)
            {
                Skip(entry.Seq - 1);
                if (_order.Accept(entry) == Arrival.Next)
                {
                    Deliver(entry);
                }
            }

            Skip(coveredTo);
            DeliverWaiting();
            CloseHole(Telemetry.Read);
            return _order.Last > before || Doubt(); // The log is shorter than what is known of it.
        }
    }

    /// <summary>What is missing up to this seq cannot be read, now or later: the members are told, and the room goes on.</summary>
    public void OnUnreadable(long to)
    {
        lock (Gate)
        {
            Skip(Math.Min(to, _order.HoleEnd));
            DeliverWaiting();
            Telemetry.GapsUnreadable.Add(1);
            _holeSince = _order.HasHole ? _holeSince : 0;
        }
    }

    /// <returns>True when entries were given up since the last call.</returns>
    public bool TakeLoss()
    {
        lock (Gate)
        {
            var hasLost = _hasLost;
            _hasLost = false;
            return hasLost;
        }
    }

    private void Skip(long to)
    {
        if (to > _order.Last)
        {
            _hasLost = true;
            TellGone(_order.Last + 1, to);
            _order.SkipTo(to);
            AnswerUpTo(to);
        }
    }

    private bool NeedsRepair()
    {
        if (!_order.HasHole)
        {
            CloseHole(Telemetry.Arrived);
            return false;
        }

        if (_holeSince == 0)
        {
            _holeSince = Stopwatch.GetTimestamp();
            Telemetry.GapsDetected.Add(1);
        }

        if (_repairing)
        {
            return false;
        }

        return _repairing = true;
    }

    private void CloseHole(in KeyValuePair<string, object?> how)
    {
        if (_holeSince != 0 && !_order.HasHole)
        {
            Telemetry.GapsRepaired.Add(1, how);
            Telemetry.RecoveryDuration.Record(Stopwatch.GetElapsedTime(_holeSince).TotalSeconds, Telemetry.OfRoom);
            _holeSince = 0;
        }
    }

    private void DeliverWaiting()
    {
        while (_order.TakeNext() is { } entry)
        {
            Deliver(entry);
        }
    }

    private void Deliver(RoomEvent entry)
    {
        if (entry.BodyCase is RoomEvent.BodyOneofCase.Member or RoomEvent.BodyOneofCase.RoomDeleted)
        {
            MemberCount = entry.Member?.Members ?? 0;
            PutOut(entry);
            OnPlace(entry);
        }

        if (entry.RoomUpdated?.Settings is { } settings)
        {
            IsArchived = settings.Archived;
            OnSettings(settings.Kind);
        }

        if (views.Of(entry)?.Show(RoomId, Epoch, entry) is { } shown)
        {
            if (entry.Traceparent.Length > 0 && Trace(entry) is { } trace)
            {
                FanOutTraced(shown, entry, trace);
            }
            else
            {
                FanOut(shown, entry, trace: null);
            }
        }

        AnswerUpTo(entry.Seq);
    }

    // Encoded once, the same bytes for everybody, and nothing allocated per member.
    private void FanOut(ServerEvent serverEvent, RoomEvent entry, Activity? trace)
    {
        var members = _members.Span;
        List<string>? missed = null;
        foreach (var member in members)
        {
            if (!member.Offer(serverEvent, entry.Seq))
            {
                (missed ??= []).Add(member.Session.ConnectionId);
            }
        }

        Telemetry.Deliveries.Add(members.Length - (missed?.Count ?? 0));
        if (missed is not null)
        {
            Telemetry.OutboxDropped.Add(missed.Count);
        }

        trace?.SetTag("tertulia.fan_out.receivers", members.Length).SetTag("tertulia.fan_out.missed", missed?.Count ?? 0);
        Remember(entry, members.Length, missed);

        if (entry.SubmittedAtMs > 0 && Telemetry.DeliveryLatency.Enabled)
        {
            Telemetry.DeliveryLatency.Record(Math.Max(0, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - entry.SubmittedAtMs) / 1000.0);
        }
    }

    // One span for all receivers, in a trace of its own: a large room would make a trace that no store takes (ADR 28).
    private Activity? Trace(RoomEvent entry)
    {
        if (!Tracing.TryContext(entry.Traceparent, out var context)
            || !Tracing.KeepsFanOut(context.TraceId, Math.Max(MemberCount, _members.Count), ClientTraces.FanOutMembers))
        {
            return null;
        }

        var trace = BusTrace.Begin(
            Telemetry.Activities, "deliver", "process", ActivityKind.Consumer, BusTrace.ToNode, BusTrace.Node, BusTrace.Self, parent: default,
            [new ActivityLink(context)]);
        trace?.SetTag("messaging.message.conversation_id", RoomId).SetTag("tertulia.seq", entry.Seq).SetTag("tertulia.fan_out.members", (long)MemberCount);
        if (entry.Message is { } message)
        {
            trace?.SetTag("messaging.message.id", message.MessageId);
        }

        return trace;
    }

    // What is measured meanwhile names the span.
    private void FanOutTraced(ServerEvent serverEvent, RoomEvent entry, Activity trace)
    {
        var before = Activity.Current;
        Activity.Current = trace;
        try
        {
            FanOut(serverEvent, entry, trace);
        }
        finally
        {
            Activity.Current = before;
            Tracing.End(trace);
        }
    }

    private void TellGone(long from, long to)
    {
        var serverEvent = new GapEvent(RoomId, Epoch, from, to);
        foreach (var member in _members.Span)
        {
            member.OfferPassing(serverEvent);
        }
    }

    // Another epoch: a store was restored or lost, and every position that a client holds means nothing. Who is entering is shown the new state.
    private void Restart(string epoch, long seq)
    {
        (_formerEpoch, Epoch) = (epoch == Epoch ? _formerEpoch : Epoch, epoch);
        AnswerUpTo(long.MaxValue);
        var isFirst = !_order.HasBase;
        _order.SetBase(seq);
        _holeSince = 0;
        foreach (var member in _members.Span)
        {
            if (member.State == MemberState.Live && !isFirst)
            {
                member.Session.Close(CloseCode.StateInvalid, "the room has another epoch");
            }

            member.BeginFrom(seq);
        }
    }
}
