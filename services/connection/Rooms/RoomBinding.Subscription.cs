using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>Whether the room's writer knows that this node has members in it.</content>
internal sealed partial class RoomBinding
{
    private long _subscribedOwner; // Owner epoch under which the node is subscribed.
    private long _presentOwner; // The highest owner epoch that was announced.
    private bool _lost;
    private bool _subscribing;
    private int _contradictions; // In a row.
    private long _lookedAt = emptySince;
    private long _lookedSeq;

    /// <summary>The owner of the room's partition says that it is alive.</summary>
    /// <returns>True when it does not know this node: subscribe again.</returns>
    public bool OnOwner(long ownerEpoch)
    {
        lock (Gate)
        {
            _presentOwner = Math.Max(_presentOwner, ownerEpoch);
            return IsStale;
        }
    }

    /// <summary>The node's queue was lost: its senders have forgotten the node.</summary>
    public void OnQueueLost()
    {
        lock (Gate)
        {
            _lost = true;
        }
    }

    // What this node knows does not fit what it was told: subscribing says what it knows, and the owner answers what holds.
    private bool Doubt()
    {
        _lost = true;
        return false;
    }

    /// <summary>The node cannot trust what it knows of the room: subscribes again soon.</summary>
    public void OnDoubt()
    {
        lock (Gate)
        {
            Doubt();
        }
    }

    /// <summary>An answer of the owner: it knows the node.</summary>
    public void OnSubscribed(long ownerEpoch)
    {
        lock (Gate)
        {
            _subscribedOwner = Math.Max(_subscribedOwner, ownerEpoch);
        }
    }

    /// <summary>Subscribes, with the highest seq that is known to exist: an owner whose room ends before it knows that its store went back.</summary>
    /// <returns>Null when there is nothing to do, or it is being done.</returns>
    public Subscribe? TryBeginSubscribe()
    {
        lock (Gate)
        {
            if (!IsStale || _subscribing)
            {
                return null;
            }

            _lost = false; // Set again when the queue is lost while the command is under way.
            _subscribing = true;
            return new Subscribe { Epoch = Epoch, LastSeq = _order.Known };
        }
    }

    /// <summary>What is compared with the owner when nothing has happened in the room for some time: what it lost of the subscription, or the node of the
    /// events, would not show before the next event.</summary>
    /// <returns>Null when there is nothing to compare now.</returns>
    public Subscribe? TakeCheck(TimeProvider time, TimeSpan interval)
    {
        lock (Gate)
        {
            var now = time.GetTimestamp();
            if (!HasBase || Removed || LocalCount == 0 || time.GetElapsedTime(_lookedAt, now) < interval)
            {
                return null;
            }

            var isQuiet = _lookedSeq == LastSeq && !IsStale && !_subscribing && !_repairing;
            (_lookedAt, _lookedSeq) = (now, LastSeq);
            return isQuiet ? new Subscribe { Epoch = Epoch, LastSeq = _order.Known, Check = true } : null;
        }
    }

    /// <summary>The command to subscribe has an outcome.</summary>
    /// <param name="sent">What it said.</param>
    /// <param name="answer">Null when it failed.</param>
    public void EndSubscribe(Subscribe sent, Subscribed? answer)
    {
        lock (Gate)
        {
            _subscribing = false;
            _lost |= answer is null || Contradicts(sent, answer);
        }
    }

    /// <summary>The owner knows no such room: the store was lost, or went back to a time before it.</summary>
    public void EndSubscribeWithoutRoom()
    {
        lock (Gate)
        {
            _subscribing = false;
            _lost |= !IsContradictedAgain();
            if (!_lost)
            {
                Restart(Epoch, 0);
            }
        }
    }

    // The owner says that the room ends before what this node knows, and gives no other epoch. An older owner's answer may have overtaken the
    // news of the present one; the present one is asked a second time, and then believed: every position that clients hold is void.
    private bool Contradicts(Subscribe sent, Subscribed answer)
    {
        if (answer.Epoch != sent.Epoch || answer.Epoch != Epoch || answer.Seq >= sent.LastSeq)
        {
            _contradictions = 0;
            return false;
        }

        if (answer.OwnerEpoch < _presentOwner || !IsContradictedAgain())
        {
            return true;
        }

        Restart(answer.Epoch, answer.Seq);
        return false;
    }

    private bool IsContradictedAgain()
    {
        _contradictions = (_contradictions + 1) % 2;
        return _contradictions == 0;
    }

    /// <summary>Gives the room up when it has had no local member for some time.</summary>
    /// <returns>True when it was, and the command to unsubscribe is on its way, before any command of a later member.</returns>
    public bool TryGiveUp(SubmitBatcher batcher, TimeProvider time, TimeSpan after)
    {
        lock (Gate)
        {
            if (Removed || EmptySince is not { } since || time.GetElapsedTime(since) < after)
            {
                return false;
            }

            return Removed = batcher.TrySubmit(new Command { RoomId = RoomId, Unsubscribe = new Unsubscribe() }, waiter: null);
        }
    }

    private bool IsStale => HasBase && !Removed && (_lost || _presentOwner > _subscribedOwner);
}
