using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>reaction_add</c> and <c>reaction_remove</c>.</summary>
internal sealed class ReactionVerb(SubmitBatcher batcher) : ChangeVerb<ReactCommand>(batcher)
{
    /// <inheritdoc />
    public override EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Reaction);

    /// <inheritdoc />
    protected override Refusal? Fill(ReactCommand command, Command submitted)
    {
        submitted.React = new ReactToMessage { MessageId = command.MessageId ?? "", Emoji = command.Emoji ?? "", Remove = command.Removes };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Show(string roomId, string epoch, RoomEvent entry, string? reference) => new ReactionEvent(roomId, epoch, entry, reference);
}
