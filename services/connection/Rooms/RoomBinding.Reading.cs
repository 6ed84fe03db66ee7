using Tertulia.Connections.Events;
using Tertulia.Contracts;

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

    /// <summary>A user's mark was moved: the user's own members are told.</summary>
    public void OnUnread(string userId, Marked mark)
    {
        var unread = new UnreadEvent(RoomId, mark);
        lock (Gate)
        {
            foreach (var member in _members.Span)
            {
                if (member.UserId == userId)
                {
                    member.OfferPassing(unread);
                }
            }
        }
    }
}
