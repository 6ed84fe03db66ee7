using System.Text;
using Tertulia.Contracts;

namespace Tertulia.Connections.Protocol;

/// <summary>How large a message becomes in a frame.</summary>
internal static class EncodedMessage
{
    // Names, quotes, ids, seq and time of one message, generously.
    private const int FieldBytes = 256;

    /// <summary>Upper bound of its UTF-8 JSON, in bytes.</summary>
    public static int MaxBytes(Message message) => FieldBytes
        + TextBytes(message.UserId) + TextBytes(message.Username) + TextBytes(message.Content)
        + TextBytes(message.ClientMsgId) + TextBytes(message.ReplyTo) + message.Metadata.Length;

    private static int TextBytes(string text)
    {
        var bytes = Encoding.UTF8.GetByteCount(text);
        foreach (var c in text)
        {
            // \n and \" take one byte more, other control characters five (\u0001). DEL and the C1 controls, too.
            bytes += c switch
            {
                < ' ' or (>= '\u007F' and <= '\u009F') => 5,
                '"' or '\\' => 1,
                _ => 0,
            };
        }

        return bytes;
    }
}
