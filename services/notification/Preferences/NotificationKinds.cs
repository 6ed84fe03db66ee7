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
    private static readonly string[] OfText = [Mention, MentionRoom, MentionHere, Keyword];

    private static readonly string[] Ranked = [Direct, Mention, Reply, Thread, MentionRoom, MentionHere, Keyword, Reaction, Invitation, Server, Digest];

    /// <summary>Those of the service itself, the strongest first; servers may name others.</summary>
    public static IReadOnlyList<string> All => Ranked;

    /// <summary>Whether who wants mentions only is told.</summary>
    public static bool IsMention(string kind) => !NotMentions.Contains(kind, StringComparer.Ordinal);

    /// <summary>Whether it is what a message says that its users are told for: another text may be another kind, or none.</summary>
    public static bool IsOfText(string kind) => OfText.Contains(kind, StringComparer.Ordinal);

    /// <summary>The stronger of two; an empty one is none.</summary>
    public static string Stronger(string one, string other) => one.Length == 0 || (other.Length > 0 && RankOf(other) < RankOf(one)) ? other : one;

    /// <summary>The strongest is 0; what servers name comes last.</summary>
    public static int RankOf(string kind) => Array.IndexOf(Ranked, kind) is >= 0 and var rank ? rank : Ranked.Length;

    /// <summary>Its sound, unless the user chose another one.</summary>
    public static string SoundOf(string kind) => kind switch
    {
        Direct => "direct",
        Mention or MentionRoom or MentionHere => "mention",
        Reaction => "",
        _ => "notification",
    };
}
