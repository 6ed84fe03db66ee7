using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Verbs;

/// <summary>The entry of the log that holds a message's text, without the text.</summary>
/// <remarks>Made of the message alone, so that nothing has to be read for it. What only the entry knew beside the text is of use when it is new: how many replies its thread
/// had, whom it answered.</remarks>
internal static class ErasedText
{
    /// <summary>A message loses what it says and keeps its place.</summary>
    /// <param name="room">Its room.</param>
    /// <param name="message">The message, which was not deleted before.</param>
    /// <param name="by">Who deletes it.</param>
    /// <param name="nowMs">When, Unix milliseconds.</param>
    /// <returns>The entry that held its text, without it.</returns>
    public static RoomEvent Delete(RoomState room, Message message, string by, long nowMs)
    {
        var before = Of(message);
        message.Content = "";
        message.Metadata = ByteString.Empty;
        message.Reactions.Clear();
        if (message.PinnedSeq > 0)
        {
            room.Unpin(message);
        }

        (message.DeletedAtMs, message.DeletedBy) = (nowMs, by);
        return before;
    }

    /// <summary>The entry that says that a message is deleted.</summary>
    public static RoomEvent EntryOf(Message message) => new()
    {
        Deleted = new MessageDeleted { MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId },
    };

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
