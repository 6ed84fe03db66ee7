using System.Data.Common;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Events and messages in the columns of a row.</summary>
internal static class StoredMessages
{
    /// <summary>The event in a column.</summary>
    public static RoomEvent GetEvent(this DbDataReader reader, int column) => RoomEvent.Parser.ParseFrom(reader.GetFieldValue<byte[]>(column));

    /// <summary>A room's settings in a column; null when it has nothing but its kind.</summary>
    public static RoomSettings? GetSettings(this DbDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : RoomSettings.Parser.ParseFrom(reader.GetFieldValue<byte[]>(column));

    /// <summary>The message in four columns: seq, seq of its last change, whether there was one, and its state or else its log entry.</summary>
    public static Message GetMessage(this DbDataReader reader, int column)
    {
        var isChanged = reader.GetBoolean(column + 2);
        var message = isChanged ? Message.Parser.ParseFrom(reader.GetFieldValue<byte[]>(column + 3)) : MessageOf(reader.GetEvent(column + 3));
        message.Seq = reader.GetInt64(column);
        message.UpdatedSeq = reader.GetInt64(column + 1);
        return message;
    }

    /// <summary>A message as its entry in the log created it, without its seq.</summary>
    public static Message MessageOf(RoomEvent entry)
    {
        var message = entry.Message;
        return new Message
        {
            MessageId = message.MessageId,
            UserId = entry.UserId,
            Username = entry.Username,
            Content = message.Content,
            CreatedAtMs = entry.CreatedAtMs,
            ClientMsgId = message.ClientMsgId,
            ReplyTo = message.ReplyTo,
            Metadata = message.Metadata,
            Version = 1,
            ThreadRoot = message.ThreadRoot,
        };
    }
}
