using Google.Protobuf;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Verbs;

/// <summary><c>message</c>.</summary>
internal sealed class MessageVerb(SubmitBatcher batcher, IOptions<LimitOptions> limits, TimeProvider time) : RoomVerb<MessageCommand>(batcher)
{
    private const int MaxMetadataBytes = 4 * 1024; // PROTOCOL §6, as JSON.

    /// <inheritdoc />
    public override EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Message);

    /// <inheritdoc />
    public override ServerEvent Show(string roomId, string epoch, RoomEvent entry) => new MessageEvent(roomId, epoch, entry);

    /// <inheritdoc />
    protected override Refusal? Fill(MessageCommand command, Command submitted)
    {
        if (command.Content is not { } content || !limits.Value.AllowsContent(content))
        {
            return new Refusal { Code = ErrorCode.InvalidMessage };
        }

        if (command.Metadata.Length > MaxMetadataBytes)
        {
            return new Refusal { Code = ErrorCode.TooLarge, Detail = $"metadata has more than {MaxMetadataBytes} bytes" };
        }

        submitted.Send = new SendMessage
        {
            MessageId = Guid.CreateVersion7(time.GetUtcNow()).ToString(),
            ClientMsgId = command.ClientMsgId ?? "",
            Content = content,
            ReplyTo = command.ReplyTo ?? "",
            Metadata = command.Metadata.IsEmpty ? ByteString.Empty : ByteString.CopyFrom(command.Metadata.Span),
        };
        return null;
    }

    /// <inheritdoc />
    protected override string? EntryId(Command submitted) => submitted.Send.MessageId;

    /// <inheritdoc />
    protected override ServerEvent Tell(MessageCommand command, VerbOutcome outcome) => new MessageSentEvent(
        outcome.RoomId, outcome.Epoch, command.Ref, outcome.First?.MessageId ?? outcome.Submitted.Send.MessageId, command.ClientMsgId ?? outcome.First?.ClientMsgId,
        outcome.Seq, outcome.CreatedAtMs, Duplicate: outcome.First is not null);
}
