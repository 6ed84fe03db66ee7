using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>Entries and messages without what somebody wrote.</summary>
internal static class ErasedEntries
{
    /// <summary>Takes text, metadata and the name of who wrote it out of an entry; its place, its ids and its user stay.</summary>
    public static RoomEvent Empty(RoomEvent entry)
    {
        entry.Username = "";
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Message:
                (entry.Message.Content, entry.Message.Metadata) = ("", ByteString.Empty);
                break;
            case RoomEvent.BodyOneofCase.Edited:
                entry.Edited.Content = "";
                break;
            case RoomEvent.BodyOneofCase.Reported:
                entry.Reported.Reason = "";
                break;
            case RoomEvent.BodyOneofCase.Member:
                entry.Member.Reason = "";
                break;
        }

        return entry;
    }

    /// <summary>Takes the name of who wrote it out of an entry.</summary>
    public static RoomEvent Unname(RoomEvent entry)
    {
        entry.Username = "";
        return entry;
    }

    /// <summary>A message that is kept no longer, as a tombstone: who names it is told that it was.</summary>
    public static Message Expire(Message message)
    {
        (message.Content, message.Metadata, message.Username) = ("", ByteString.Empty, "");
        (message.PinnedSeq, message.PinnedAtMs, message.PinnedBy) = (0, 0, "");
        message.Reactions.Clear();
        if (message.DeletedAtMs == 0)
        {
            (message.DeletedAtMs, message.DeletedBy) = (Math.Max(1, message.CreatedAtMs), "");
        }

        return message;
    }
}
