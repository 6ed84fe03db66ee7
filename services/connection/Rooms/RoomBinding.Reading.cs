using Tertulia.Connections.Events;

namespace Tertulia.Connections.Rooms;

/// <content>How far users have read, as the members of this node are told.</content>
internal sealed partial class RoomBinding
{
    /// <summary>A user has read on: the other members are told.</summary>
    public void OnReadReceipt(string userId, long seq)
    {
        lock (Gate)
        {
            OfferPassing(new ReadReceiptEvent(RoomId, userId, seq), userId);
        }
    }
}
