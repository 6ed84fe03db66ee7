using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Sending;

/// <summary>A user writes a message.</summary>
internal sealed class SendVerb(IOptions<LimitOptions> limits) : EntryVerb
{
    /// <summary>UTF-8 bytes of a message's metadata at most (PROTOCOL §6).</summary>
    public const int MaxMetadataBytes = 4 * 1024;

    private const int MaxClientMsgIdLength = 64;
    private readonly LimitOptions _limits = limits.Value;

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Send;

    /// <summary>The client's own id, or the node's when it chose none. The two cannot be taken for each other, nor for the keys of other verbs.</summary>
    public override string KeyOf(Command command) => command.Send.ClientMsgId switch
    {
        "" => "~" + command.Send.MessageId,
        ['~' or '+' or '=', ..] => "=" + command.Send.ClientMsgId,
        var chosen => chosen,
    };

    public override string IdOf(Command command) => command.Send.MessageId;

    public override string IdOf(RoomEvent written) => written.Message.MessageId;

    public override string ClientKeyOf(Command command) => command.Send.ClientMsgId;

    public override Stored Describe(Command command, in StoredEntry stored) => new()
    {
        MessageId = stored.Id, ClientMsgId = command.Send.ClientMsgId, Seq = stored.Seq, CreatedAtMs = stored.CreatedAtMs,
    };

    protected override ErrorCode Check(in Submitted submitted)
    {
        if (!submitted.Room.Exists)
        {
            return ErrorCode.RoomNotFound;
        }

        var send = submitted.Command.Send;
        var action = send.ReplyTo.Length > 0 ? RoomAction.Reply : RoomAction.Write;
        var refusal = RoomPermissions.Check(submitted, action);
        if (refusal != ErrorCode.Unspecified)
        {
            return refusal;
        }

        if (send.Metadata.Length > MaxMetadataBytes)
        {
            return ErrorCode.TooLarge;
        }

        return send.MessageId.Length == 0 || send.ClientMsgId.Length > MaxClientMsgIdLength || !MessageText.IsContent(send.Content, _limits)
            || !MessageText.IsStorable(send.MessageId) || !MessageText.IsStorable(send.ClientMsgId) || !MessageText.IsStorable(send.ReplyTo)
            ? ErrorCode.InvalidMessage
            : ErrorCode.Unspecified;
    }

    protected override RoomEvent Write(Command command)
    {
        var send = command.Send;
        return new RoomEvent
        {
            Message = new MessageCreated
            {
                MessageId = send.MessageId, ClientMsgId = send.ClientMsgId, Content = send.Content, ReplyTo = send.ReplyTo, Metadata = send.Metadata,
            },
        };
    }
}
