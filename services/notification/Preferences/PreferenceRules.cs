using Tertulia.Contracts;

namespace Tertulia.Notifications.Preferences;

/// <summary>What becomes of a notification by its user's preferences.</summary>
internal static class PreferenceRules
{
    public const string All = "all";
    public const string Mentions = "mentions";
    public const string None = "none";

    private const int MaxRooms = 500;
    private const int MaxKinds = 50;
    private const int MaxKeywords = 50;
    private const int MinKeywordChars = 2;
    private const int MaxKeywordChars = 40;
    private const int MaxNameChars = 128;

    /// <summary>Whether it comes, and with which sound.</summary>
    /// <param name="preferences">The user's; null for those of everyone.</param>
    /// <param name="kind">Of the notification.</param>
    /// <param name="roomId">That it is about; empty when none.</param>
    /// <param name="sound">That its sender chose; null for the kind's.</param>
    /// <param name="now">When.</param>
    public static Verdict Decide(NotificationPreferences? preferences, string kind, string roomId, string? sound, DateTimeOffset now)
    {
        var kindsOwn = sound ?? NotificationKinds.SoundOf(kind);
        if (preferences is null)
        {
            return new Verdict(kindsOwn);
        }

        var room = preferences.Rooms.GetValueOrDefault(roomId);
        var nowMs = now.ToUnixTimeMilliseconds();
        var level = room is { Level.Length: > 0 } ? room.Level : preferences.Level;
        var forKind = room?.Kinds.GetValueOrDefault(kind) ?? preferences.Kinds.GetValueOrDefault(kind);
        var reason = preferences.MuteUntilMs > nowMs ? Withheld.Muted
            : room?.MuteUntilMs > nowMs ? Withheld.RoomMuted
            : forKind is { Off: true } ? Withheld.KindOff
            : kind != NotificationKinds.Digest && (level == None || (level == Mentions && !NotificationKinds.IsMention(kind))) ? Withheld.Level
            : "";
        return reason.Length > 0 ? new Verdict(null, reason)
            : QuietUntil(preferences, now) is not null ? new Verdict("", Withheld.QuietHours)
            : new Verdict(forKind is { HasSound: true } ? forKind.Sound : kindsOwn);
    }

    /// <summary>When the user may be disturbed again; null when that is now.</summary>
    public static DateTimeOffset? QuietUntil(NotificationPreferences? preferences, DateTimeOffset now) =>
        preferences?.QuietHours is { } hours ? QuietTime.Parse(hours)?.EndAfter(now) : null;

    /// <summary>What is wrong with preferences, for a developer; null when nothing is.</summary>
    public static string? Refuse(NotificationPreferences preferences) =>
        !IsLevel(preferences.Level) || preferences.Rooms.Values.Any(room => !IsLevel(room.Level)) ? $"level is {All}, {Mentions} or {None}"
        : preferences.MuteUntilMs < 0 || preferences.Rooms.Values.Any(room => room.MuteUntilMs < 0) ? "mute_until is not before 1970"
        : preferences.Rooms.Count > MaxRooms ? $"rooms has {MaxRooms} at most"
        : preferences.Rooms.Keys.Any(id => !IsName(id)) ? "a room_id is too long"
        : preferences.Rooms.Values.Select(room => room.Kinds).Append(preferences.Kinds).Any(kinds => !AreKinds(kinds)) ? "kinds has names and sounds that are too long, or too many"
        : preferences.QuietHours is { } hours && QuietTime.Parse(hours) is null ? "quiet_hours has start and end (HH:mm, not the same) and the IANA name of a zone"
        : preferences.Digest is { } digest && DigestTime.Parse(preferences) is null && digest.Every is not ("" or DigestTime.Off)
            ? "digest has every (off, hourly or daily), at (HH:mm) and the IANA name of a zone"
        : preferences.Keywords.Count > MaxKeywords || preferences.Keywords.Any(word => !IsKeyword(word))
            ? $"keywords has {MaxKeywords} at most, each one word of {MinKeywordChars} to {MaxKeywordChars} characters"
        : null;

    private static bool IsLevel(string level) => level is "" or All or Mentions or None;

    private static bool IsName(string name) => name.Length is > 0 and <= MaxNameChars && !name.Contains('\0', StringComparison.Ordinal);

    private static bool AreKinds(Google.Protobuf.Collections.MapField<string, KindPreferences> kinds) =>
        kinds.Count <= MaxKinds && kinds.All(kind => IsName(kind.Key) && (kind.Value.Sound.Length == 0 || IsName(kind.Value.Sound)));

    private static bool IsKeyword(string word) => word.Length is >= MinKeywordChars and <= MaxKeywordChars && Following.Words.IsOne(word);
}

/// <summary>What becomes of a notification.</summary>
/// <param name="Sound">With which it comes, empty for none; null when the user does not want it at all.</param>
/// <param name="Reason">One of <see cref="Withheld"/>: why it is kept out, or comes without sound and push; empty when it comes as it should.</param>
internal readonly record struct Verdict(string? Sound, string Reason = "");

/// <summary>Why a notification is kept out of the inbox, or is not pushed.</summary>
internal static class Withheld
{
    public const string Muted = "muted";
    public const string RoomMuted = "room_muted";
    public const string Level = "level";
    public const string KindOff = "kind_off";
    public const string Read = "read";
    public const string QuietHours = "quiet_hours";
    public const string Reaction = "reaction";
    public const string NoDevice = "no_device";
    public const string Focused = "focused";
}
