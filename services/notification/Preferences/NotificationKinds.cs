namespace Tertulia.Notifications.Preferences;

/// <summary>Why users are told of something.</summary>
internal static class NotificationKinds
{
    public const string Direct = "direct";
    public const string Mention = "mention";
    public const string Reply = "reply";
    public const string Thread = "thread";
    public const string MentionRoom = "mention_room";
    public const string MentionHere = "mention_here";
    public const string Keyword = "keyword";
    public const string Reaction = "reaction";
    public const string Invitation = "invitation";
    public const string Server = "server";

    /// <summary>Sums up what was not pushed.</summary>
    public const string Digest = "digest";

    private static readonly string[] NotMentions = [Reply, Thread, Keyword, Reaction];

    /// <summary>Those of the service itself; servers may name others.</summary>
    public static IReadOnlyList<string> All { get; } = [Direct, Mention, Reply, Thread, MentionRoom, MentionHere, Keyword, Reaction, Invitation, Server, Digest];

    /// <summary>Whether who wants mentions only is told.</summary>
    public static bool IsMention(string kind) => !NotMentions.Contains(kind, StringComparer.Ordinal);

    /// <summary>Its sound, unless the user chose another one.</summary>
    public static string SoundOf(string kind) => kind switch
    {
        Direct => "direct",
        Mention or MentionRoom or MentionHere => "mention",
        Reaction => "",
        _ => "notification",
    };
}
