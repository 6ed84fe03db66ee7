using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary>A command that changes an older message. Everyone is shown its entry; its client is answered with the same, when it gave a <c>ref</c>.</summary>
internal abstract class ChangeVerb<TCommand>(SubmitBatcher batcher) : RoomVerb<TCommand>(batcher)
    where TCommand : MessageChangeCommand
{
    /// <inheritdoc />
    public sealed override ServerEvent Show(string roomId, string epoch, RoomEvent entry) => Show(roomId, epoch, entry, reference: null);

    /// <inheritdoc />
    protected sealed override bool TellsWithoutRef => false;

    /// <summary>What is told of an entry.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="epoch">Epoch of the seq.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="reference">Of the command that it answers; null when it goes to the room.</param>
    protected abstract ServerEvent Show(string roomId, string epoch, RoomEvent entry, string? reference);

    /// <inheritdoc />
    protected sealed override ServerEvent Tell(TCommand command, VerbOutcome outcome) => Show(outcome.RoomId, outcome.Epoch, outcome.Entry, command.Ref);
}
