using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>A user writes a message.</summary>
internal sealed class SendHandler(RecentKeys recent, IOptions<LimitOptions> limits)
{
    private const int MaxClientMsgIdLength = 64;
    private readonly LimitOptions _limits = limits.Value;

    public void Decide(in Submitted submitted, Flush flush)
    {
        var command = submitted.Command;
        var send = command.Send;
        var key = KeyOf(submitted);
        if (IsStored(submitted, key, flush))
        {
            return;
        }

        var refusal = Check(submitted, send);
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        var roomEvent = new RoomEvent
        {
            Message = new MessageCreated
            {
                MessageId = send.MessageId, ClientMsgId = send.ClientMsgId, Content = send.Content, ReplyTo = send.ReplyTo, Metadata = send.Metadata,
            },
        };
        flush.Append(submitted, key.IdempotencyKey, roomEvent);
        flush.Sent.Add(key, roomEvent);
    }

    /// <summary>The client's own id, or the node's when it chose none. The two cannot be taken for each other, nor for the keys of other commands.</summary>
    public static EntryKey KeyOf(in Submitted submitted)
    {
        var send = submitted.Command.Send;
        var key = send.ClientMsgId switch
        {
            "" => "~" + send.MessageId,
            ['~' or '+' or '=', ..] => "=" + send.ClientMsgId,
            _ => send.ClientMsgId,
        };
        return new EntryKey(submitted.Room.RoomId, submitted.Command.Actor.UserId, key);
    }

    /// <summary>The flush, the memory or, after a conflict or when it was sent again, the store already has it.</summary>
    private bool IsStored(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var messageId = submitted.Command.Send.MessageId;
        if (flush.Sent.TryGetValue(key, out var sent))
        {
            if (sent.Message.MessageId != messageId)
            {
                flush.ReplyDuplicate(submitted, new StoredMessage(sent.Message.MessageId, sent.Seq, sent.CreatedAtMs));
            }

            return true; // The very same command twice is answered by its event.
        }

        if (flush.Known.TryGetValue(key, out var known))
        {
            Answer(submitted, new StoredMessage(known.Message.MessageId, known.Seq, known.CreatedAtMs), key, flush);
            return true;
        }

        if (recent.TryGet(key, out var stored))
        {
            Answer(submitted, stored, key, flush);
            return true;
        }

        return false;
    }

    /// <summary>A client's second attempt has another message id and is only told; the same command again means that whoever wrote it
    /// may not have come to publishing it.</summary>
    private static void Answer(in Submitted submitted, in StoredMessage stored, in EntryKey key, Flush flush)
    {
        var send = submitted.Command.Send;
        if (stored.MessageId != send.MessageId)
        {
            flush.ReplyDuplicate(submitted, stored);
            return;
        }

        var roomEvent = new RoomEvent
        {
            Seq = stored.Seq,
            CreatedAtMs = stored.CreatedAtMs,
            UserId = submitted.Command.Actor.UserId,
            Username = submitted.Command.Actor.Username,
            Message = new MessageCreated
            {
                MessageId = send.MessageId, ClientMsgId = send.ClientMsgId, Content = send.Content, ReplyTo = send.ReplyTo, Metadata = send.Metadata,
            },
        };
        flush.Republish(submitted, roomEvent);
        flush.Sent.Add(key, roomEvent);
    }

    private ErrorCode Check(in Submitted submitted, SendMessage send)
    {
        if (!submitted.Room.Exists)
        {
            return ErrorCode.RoomNotFound;
        }

        var refusal = RoomRules.MayWrite(submitted.Command.Actor, submitted.Member!.Membership);
        if (refusal != ErrorCode.Unspecified)
        {
            return refusal;
        }

        return send.MessageId.Length == 0 || send.ClientMsgId.Length > MaxClientMsgIdLength || !HasContent(send.Content)
            || !IsStorable(send.MessageId) || !IsStorable(send.ClientMsgId) || !IsStorable(send.ReplyTo)
            ? ErrorCode.InvalidMessage
            : ErrorCode.Unspecified;
    }

    private bool HasContent(string content) => _limits.AllowsContent(content) && IsStorable(content);

    /// <summary>PostgreSQL's text cannot hold U+0000.</summary>
    private static bool IsStorable(string text) => !text.Contains('\0');
}
