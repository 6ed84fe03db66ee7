using Tertulia.Contracts;
using Tertulia.Messages.Sending;

namespace Tertulia.Messages.Rooms;

/// <summary>A node begins or ends to hold a room. Nothing is written.</summary>
internal static class SubscribeHandler
{
    public static void Subscribe(in Submitted submitted, Flush flush, string epoch)
    {
        var room = submitted.Room;
        if (!room.Exists)
        {
            flush.Refuse(submitted, ErrorCode.RoomNotFound);
            return;
        }

        if (!flush.Subscribe(submitted))
        {
            flush.TopologyRequests.Add(submitted); // It asks again, so it has lost something.
        }

        flush.Reply(submitted, new CommandReply
        {
            Subscribed = new Subscribed { Epoch = epoch, Seq = room.LastSeq, OwnerEpoch = submitted.OwnerEpoch, Members = room.Members },
        });
    }

    public static void Unsubscribe(in Submitted submitted, Flush flush)
    {
        submitted.Room.Unsubscribe(submitted.NodeId);
        flush.Touch(submitted.Room);
    }
}
