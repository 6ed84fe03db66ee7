using System.Diagnostics;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>From the entries that arrive to the frames in the members' outboxes: strictly in the order of seq.</content>
internal sealed partial class RoomBinding
{
    /// <summary>False until the first answer to a join: what comes before it is in the snapshot.</summary>
    public bool HasBase => _order.HasBase;

    /// <summary>The node receives everything after this seq. Only the first base counts: later it is the deliveries that do.</summary>
    public void SetBase(string epoch, long seq, uint members)
    {
        lock (Gate)
        {
            if (!_order.HasBase)
            {
                Restart(epoch, seq);
                MemberCount = members;
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
                Restart(entries.Epoch, entries.Events[0].Seq - 1);
            }

            for (var index = 0; index < entries.Events.Count; index++) // Not foreach: the enumerator of a RepeatedField is an allocation.
            {
                var entry = entries.Events[index];
                if (_order.Accept(entry) == Arrival.Next)
                {
                    Deliver(entry);
                    DeliverWaiting();
                }
            }

            return NeedsRepair();
        }
    }

    /// <summary>The room's writer says how far the room is, after everything it sent before.</summary>
    /// <returns>True when the caller has to start a repair.</returns>
    public bool OnPosition(string epoch, long seq, uint members)
    {
        lock (Gate)
        {
            if (Removed)
            {
                return false;
            }

            if (epoch != Epoch)
            {
                Restart(epoch, seq);
            }

            MemberCount = members;
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
    /// <returns>False when it brought nothing new.</returns>
    public bool OnRepaired(RoomEvents entries)
    {
        lock (Gate)
        {
            if (entries.Events.Count == 0 || Removed)
            {
                return false;
            }

            if (entries.Epoch != Epoch)
            {
                Restart(entries.Epoch, entries.Events[^1].Seq);
                return true;
            }

            var before = _order.Last;
            foreach (var entry in entries.Events)
            {
                if (entry.Seq > _order.Last + 1)
                {
                    TellGone(_order.Last + 1, entry.Seq - 1); // The log is the truth: what it does not hold will never come.
                    _order.SkipTo(entry.Seq - 1);
                }

                if (_order.Accept(entry) == Arrival.Next)
                {
                    Deliver(entry);
                }
            }

            DeliverWaiting();
            return _order.Last > before;
        }
    }

    private bool NeedsRepair()
    {
        if (_repairing || !_order.HasHole)
        {
            return false;
        }

        return _repairing = true;
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
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Message:
                using (Trace(entry))
                {
                    FanOut(new MessageEvent(RoomId, Epoch, entry), entry);
                }

                break;
            case RoomEvent.BodyOneofCase.Member:
                MemberCount = entry.Member.Members;
                break;
        }
    }

    // Encoded once, the same bytes for everybody, and nothing allocated per member.
    private void FanOut(ServerEvent serverEvent, RoomEvent entry)
    {
        var members = _members.Span;
        var missed = 0;
        foreach (var member in members)
        {
            if (!member.Offer(serverEvent, entry.Seq))
            {
                missed++;
            }
        }

        Telemetry.Deliveries.Add(members.Length - missed);
        if (missed > 0)
        {
            Telemetry.OutboxDropped.Add(missed);
        }

        if (entry.SubmittedAtMs > 0 && Telemetry.DeliveryLatency.Enabled)
        {
            Telemetry.DeliveryLatency.Record(Math.Max(0, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - entry.SubmittedAtMs));
        }
    }

    private static Activity? Trace(RoomEvent entry) => entry.Traceparent.Length > 0
        ? Telemetry.Activities.StartActivity("fan out", ActivityKind.Consumer, entry.Traceparent)
        : null;

    private void TellGone(long from, long to)
    {
        var serverEvent = new GapEvent(RoomId, Epoch, from, to);
        foreach (var member in _members.Span)
        {
            member.OfferPassing(serverEvent);
        }
    }

    // Another epoch: a store was restored or lost, and every position that a client holds means nothing.
    private void Restart(string epoch, long seq)
    {
        if (_order.HasBase)
        {
            foreach (var member in _members.Span)
            {
                if (member.State == MemberState.Live)
                {
                    member.Session.Close(CloseCode.StateInvalid, "the room has another epoch");
                }
            }
        }

        Epoch = epoch;
        _order.SetBase(seq);
    }
}
