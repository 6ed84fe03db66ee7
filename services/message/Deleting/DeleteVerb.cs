using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Deleting;

/// <summary>A message loses what it says and keeps its place: its author deletes it, or who moderates the room.</summary>
internal sealed class DeleteVerb : ChangeVerb
{
    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Delete;

    protected override string Name => "delete";

    protected override bool TakesDeleted => true;

    protected override string TargetOf(Command command) => command.Delete.MessageId;

    protected override RoomAction ActionOf(Actor actor, Message? message) =>
        message is null || message.UserId == actor.UserId ? RoomAction.DeleteOwn : RoomAction.DeleteAny;

    protected override Change Apply(in Submitted submitted, Message message, Flush flush)
    {
        var entry = new RoomEvent
        {
            Deleted = new MessageDeleted { MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId },
        };
        if (message.DeletedAtMs > 0)
        {
            (entry.UserId, entry.CreatedAtMs) = (message.DeletedBy, message.DeletedAtMs);
            return Change.None(entry);
        }

        var before = ErasedText.Of(message);
        message.Content = "";
        message.Metadata = ByteString.Empty;
        message.Reactions.Clear();
        if (message.PinnedSeq > 0)
        {
            submitted.Room.Unpin(message);
        }

        (message.DeletedAtMs, message.DeletedBy) = (flush.NowMs, submitted.Command.Actor.UserId);
        return Change.By(entry, before);
    }
}
