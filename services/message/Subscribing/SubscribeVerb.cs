using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Subscribing;

/// <summary>A node begins to hold a room. Nothing is written.</summary>
internal sealed class SubscribeVerb : IVerb
{
    public Command.BodyOneofCase Body => Command.BodyOneofCase.Subscribe;

    public bool HasActor => false;

    public bool Doubts(in Submitted submitted) => submitted.Command.Subscribe.LastSeq > submitted.Room.LastSeq;

    public void Decide(in Submitted submitted, Flush flush)
    {
        var room = submitted.Room;
        var held = submitted.Command.Subscribe;
        if (held.LastSeq > room.LastSeq && held.Epoch == flush.Epoch)
        {
            // The node has delivered what the store, which was just read, does not hold any more. It subscribes again under the new epoch.
            flush.StoreWentBack = true;
            return;
        }

        if (!room.Exists)
        {
            flush.Refuse(submitted, ErrorCode.RoomNotFound);
            return;
        }

        var isSubscribed = !flush.Subscribe(submitted);
        if (isSubscribed && held.Check && held.Epoch == flush.Epoch && held.LastSeq == room.LastSeq)
        {
            return; // The node compared, and is right.
        }

        if (isSubscribed)
        {
            flush.TopologyRequests.Add(submitted); // It asks again, so it has lost something.
        }

        flush.Reply(submitted, new CommandReply
        {
            Subscribed = new Subscribed { Epoch = flush.Epoch, Seq = room.LastSeq, OwnerEpoch = submitted.OwnerEpoch, Members = room.Members },
        });
    }
}
