using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>message_delete</c>.</summary>
internal sealed class MessageDeleteVerb(SubmitBatcher batcher) : ChangeVerb<DeleteCommand>(batcher)
{
    /// <inheritdoc />
    public override EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Deleted);

    /// <inheritdoc />
    protected override Refusal? Fill(DeleteCommand command, Command submitted)
    {
        submitted.Delete = new DeleteMessage { MessageId = command.MessageId ?? "" };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Show(string roomId, string epoch, RoomEvent entry, string? reference) => new MessageDeletedEvent(roomId, epoch, entry, reference);
}
