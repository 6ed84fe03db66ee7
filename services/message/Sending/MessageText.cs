using Tertulia.Hosting;

namespace Tertulia.Messages.Sending;

/// <summary>What a message may say.</summary>
internal static class MessageText
{
    /// <summary>Whether a message can say this.</summary>
    public static bool IsContent(string content, LimitOptions limits) => limits.AllowsContent(content) && IsStorable(content);

    /// <summary>PostgreSQL's text cannot hold U+0000.</summary>
    public static bool IsStorable(string text) => !text.Contains('\0');
}
