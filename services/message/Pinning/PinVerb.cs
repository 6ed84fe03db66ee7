using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Pinning;

/// <summary>A message is pinned to the room, or its pin is taken off.</summary>
internal sealed class PinVerb : ChangeVerb
{
    /// <summary>Pinned messages of a room at most.</summary>
    public const int MaxPins = 100;

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Pin;

    protected override string Name => "pin";

    public override void NameMessages(in Submitted submitted, Flush flush)
    {
        base.NameMessages(submitted, flush);
        flush.NeedPins(submitted.Room);
    }

    protected override string TargetOf(Command command) => command.Pin.MessageId;

    protected override RoomAction ActionOf(Actor actor, Message? message) => RoomAction.Pin;

    protected override Change Apply(in Submitted submitted, Message message, Flush flush)
    {
        var unpin = submitted.Command.Pin.Unpin;
        var entry = new RoomEvent
        {
            Pinned = new MessagePinned { MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId, Pinned = !unpin },
        };
        if (message.PinnedSeq == 0 == unpin)
        {
            (entry.UserId, entry.CreatedAtMs) = (message.PinnedBy, message.PinnedAtMs);
            return Change.None(entry);
        }

        if (unpin)
        {
            submitted.Room.Unpin(message);
            return Change.By(entry);
        }

        if (submitted.Room.Pins >= MaxPins)
        {
            return Change.Refused(ErrorCode.LimitExceeded, $"a room has at most {MaxPins} pinned messages");
        }

        submitted.Room.Pins++;
        (message.PinnedSeq, message.PinnedAtMs, message.PinnedBy) = (submitted.Room.LastSeq + 1, flush.NowMs, submitted.Command.Actor.UserId);
        return Change.By(entry);
    }
}
