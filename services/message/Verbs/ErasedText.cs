using Tertulia.Contracts;

namespace Tertulia.Messages.Verbs;

/// <summary>The entry of the log that holds a message's text, without the text.</summary>
/// <remarks>Made of the message alone, so that nothing has to be read for it. What only the entry knew beside the text is of use when it is new: how many replies its thread
/// had, whom it answered.</remarks>
internal static class ErasedText
{
    /// <summary>As it is in the log from the next entry on, which replaces or deletes the text. The message is as it was before.</summary>
    public static RoomEvent Of(Message message) => message.TextSeq == 0
        ? new RoomEvent
        {
            Seq = message.Seq,
            CreatedAtMs = message.CreatedAtMs,
            UserId = message.UserId,
            Username = message.Username,
            Message = new MessageCreated
            {
                MessageId = message.MessageId, ClientMsgId = message.ClientMsgId, ReplyTo = message.ReplyTo, ThreadRoot = message.ThreadRoot,
            },
        }
        : new RoomEvent
        {
            Seq = message.TextSeq,
            CreatedAtMs = message.EditedAtMs,
            UserId = message.TextBy,
            Edited = new MessageEdited { MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId, Version = message.Version },
        };
}
