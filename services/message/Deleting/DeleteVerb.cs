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
        var entry = ErasedText.EntryOf(message);
        if (message.DeletedAtMs > 0)
        {
            (entry.UserId, entry.CreatedAtMs) = (message.DeletedBy, message.DeletedAtMs);
            return Change.None(entry);
        }

        var before = ErasedText.Delete(submitted.Room, message, submitted.Command.Actor.UserId, flush.NowMs);
        return Change.By(entry, before);
    }
}
