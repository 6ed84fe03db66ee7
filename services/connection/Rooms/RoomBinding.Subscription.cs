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

    /// <summary>The node's queue was lost: whoever sent to it has forgotten the node.</summary>
    public void OnQueueLost()
    {
        lock (Gate)
        {
            _lost = true;
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

    /// <returns>False when there is nothing to do, or it is being done.</returns>
    public bool TryBeginSubscribe()
    {
        lock (Gate)
        {
            if (!IsStale || _subscribing)
            {
                return false;
            }

            _lost = false; // Set again when the queue is lost while the command is under way.
            return _subscribing = true;
        }
    }

    /// <summary>The command to subscribe has an outcome.</summary>
    public void EndSubscribe(bool succeeded)
    {
        lock (Gate)
        {
            _subscribing = false;
            _lost |= !succeeded;
        }
    }

    /// <summary>Gives the room up when nobody has been in it for some time.</summary>
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
