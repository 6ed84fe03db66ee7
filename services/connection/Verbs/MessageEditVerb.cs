using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Verbs;

/// <summary><c>message_edit</c>.</summary>
internal sealed class MessageEditVerb(SubmitBatcher batcher, IOptions<LimitOptions> limits) : ChangeVerb<EditCommand>(batcher)
{
    /// <inheritdoc />
    public override EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Edited);

    /// <inheritdoc />
    protected override Refusal? Fill(EditCommand command, Command submitted)
    {
        if (command.Content is not { } content || !limits.Value.AllowsContent(content))
        {
            return new Refusal { Code = ErrorCode.InvalidMessage };
        }

        submitted.Edit = new EditMessage { MessageId = command.MessageId ?? "", Content = content, Version = (uint)(command.Version ?? 0) };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Show(string roomId, string epoch, RoomEvent entry, string? reference) => new MessageUpdatedEvent(roomId, epoch, entry, reference);
}
