using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Direct;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
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

    public override void NameMessages(in Submitted submitted, Flush flush)
    {
        if (submitted.Command.Send?.ReplyTo is { Length: > 0 } replyTo)
        {
            flush.NeedMessage(replyTo);
            if (flush.MessageOf(submitted.Room, replyTo) is { ThreadRoot: { Length: > 0 } root })
            {
                flush.NeedMessage(root);
            }
        }
    }

    public override string IdOf(Command command) => command.Send.MessageId;

    public override string IdOf(RoomEvent written) => written.Message.MessageId;

    public override string ClientKeyOf(Command command) => command.Send.ClientMsgId;

    /// <summary>What a reply says of its thread is in its entry only.</summary>
    public override bool Remembers(Command command) => command.Send.ReplyTo.Length == 0 && base.Remembers(command);

    public override Stored Describe(Command command, in StoredEntry stored) => new()
    {
        MessageId = stored.Id, ClientMsgId = command.Send.ClientMsgId, Seq = stored.Seq, CreatedAtMs = stored.CreatedAtMs,
    };

    public override void AddCreators(in Submitted submitted, ISet<string> userIds)
    {
        if (DirectRoom.IsMissing(submitted))
        {
            userIds.Add(submitted.Command.Actor.UserId);
        }
    }

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        if (Hindrance(submitted, flush) is { } refusal)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        var before = submitted.Room.LastSeq;
        Put(submitted, key, flush);
        if (submitted.Room.LastSeq > before)
        {
            SlowMode.Note(submitted, flush.NowMs);
        }
    }

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

        return ComplaintOf(send);
    }

    private ErrorCode ComplaintOf(SendMessage send)
    {
        if (send.Metadata.Length > MaxMetadataBytes)
        {
            return ErrorCode.TooLarge;
        }

        return send.MessageId.Length == 0 || send.ClientMsgId.Length > MaxClientMsgIdLength || !MessageText.IsContent(send.Content, _limits)
            || !MessageText.IsStorable(send.MessageId) || !MessageText.IsStorable(send.ClientMsgId) || !MessageText.IsStorable(send.ReplyTo)
            ? ErrorCode.InvalidMessage
            : ErrorCode.Unspecified;
    }

    // A direct room comes to be with its first message; slow mode makes wait.
    private Refusal? Hindrance(in Submitted submitted, Flush flush)
    {
        if (DirectRoom.IsMissing(submitted))
        {
            return ComplaintOf(submitted.Command.Send) == ErrorCode.Unspecified ? DirectRoom.Open(submitted, flush, _limits) : null;
        }

        return submitted.Room.Settings.SlowModeSeconds > 0 && Check(submitted) == ErrorCode.Unspecified
            && SlowMode.WaitMs(submitted, flush.NowMs) is > 0 and var waitMs
            ? new Refusal { Code = ErrorCode.RateLimited, Detail = "the room has slow mode", RetryAfterMs = waitMs }
            : null;
    }

    private void Put(in Submitted submitted, in EntryKey key, Flush flush)
    {
        if (submitted.Command.Send.ReplyTo.Length == 0)
        {
            base.Carry(submitted, key, flush);
            return;
        }

        var refusal = Check(submitted);
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
        }
        else if (flush.MessageOf(submitted.Room, submitted.Command.Send.ReplyTo) is not { DeletedAtMs: 0 } answered
            || (answered.ThreadRoot.Length > 0 ? flush.MessageOf(submitted.Room, answered.ThreadRoot) : answered) is not { } root)
        {
            flush.Refuse(submitted, ErrorCode.MessageNotFound);
        }
        else
        {
            flush.Append(submitted, this, key, WriteReply(submitted.Command, answered, root, flush.NowMs), root);
        }
    }

    private RoomEvent WriteReply(Command command, Message answered, Message root, long nowMs)
    {
        root.ReplyCount++;
        root.LastReplyAtMs = nowMs;
        var reply = Write(command);
        reply.Message.ThreadRoot = root.MessageId;
        reply.Message.ThreadRootSeq = root.Seq;
        reply.Message.ThreadReplies = root.ReplyCount;
        reply.Message.ReplyToUserId = answered.UserId;
        return reply;
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
