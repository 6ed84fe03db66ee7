using System.Text.Json;

namespace Tertulia.Chat;

/// <summary>The frames this client sends.</summary>
internal static class ClientFrames
{
    /// <summary>The id is also the reference, so that a refusal names the message.</summary>
    public static byte[] Message(string clientMsgId, string content) =>
        JsonSerializer.SerializeToUtf8Bytes(new { type = "message", @ref = clientMsgId, client_msg_id = clientMsgId, content });

    public static byte[] Typing(bool isTyping) => JsonSerializer.SerializeToUtf8Bytes(new { type = "typing", is_typing = isTyping });

    public static byte[] Ping(string reference) => JsonSerializer.SerializeToUtf8Bytes(new { type = "ping", @ref = reference });

    public static byte[] History(long afterSeq) => JsonSerializer.SerializeToUtf8Bytes(new { type = "history", @ref = "history", after_seq = afterSeq, limit = 100 });
}
