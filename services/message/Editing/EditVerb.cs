using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Editing;

/// <summary>A message says something else: its author changes it, or who moderates the room.</summary>
internal sealed class EditVerb(IOptions<LimitOptions> limits) : ChangeVerb
{
    private readonly LimitOptions _limits = limits.Value;

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Edit;

    protected override string Name => "edit";

    protected override string TargetOf(Command command) => command.Edit.MessageId;

    protected override RoomAction ActionOf(Actor actor, Message? message) =>
        message is null || message.UserId == actor.UserId ? RoomAction.EditOwn : RoomAction.EditAny;

    protected override Change Apply(in Submitted submitted, Message message, Flush flush)
    {
        var edit = submitted.Command.Edit;
        if (!MessageText.IsContent(edit.Content, _limits))
        {
            return Change.Refused(ErrorCode.InvalidMessage);
        }

        var isSo = edit.Content == message.Content;
        if (edit.Version != 0 && edit.Version != message.Version && !(isSo && edit.Version + 1 == message.Version))
        {
            return Change.Refused(ErrorCode.VersionConflict, $"the message has version {message.Version}");
        }

        if (isSo)
        {
            var made = Entry(message);
            made.CreatedAtMs = message.EditedAtMs > 0 ? message.EditedAtMs : message.CreatedAtMs;
            return Change.None(made);
        }

        var before = ErasedText.Of(message);
        message.Content = edit.Content;
        message.Version++;
        message.EditedAtMs = flush.NowMs;
        return Change.By(Entry(message), before);
    }

    private static RoomEvent Entry(Message message) => new()
    {
        Edited = new MessageEdited
        {
            MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId, Content = message.Content, Version = message.Version,
        },
    };
}
