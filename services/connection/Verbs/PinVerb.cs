using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>pin</c> and <c>unpin</c>.</summary>
internal sealed class PinVerb(SubmitBatcher batcher) : ChangeVerb<PinCommand>(batcher)
{
    /// <inheritdoc />
    public override EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Pinned);

    /// <inheritdoc />
    protected override Refusal? Fill(PinCommand command, Command submitted)
    {
        submitted.Pin = new PinMessage { MessageId = command.MessageId ?? "", Unpin = command.Unpins };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Show(string roomId, string epoch, RoomEvent entry, string? reference) => new PinnedEvent(roomId, epoch, entry, reference);
}
