using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Preferences;

/// <summary>When a user is told the digest: each hour, or each day at a time of the user's zone.</summary>
/// <remarks>A time that clocks skip is when they go on, one that they repeat is the first: each day has one.</remarks>
internal sealed class DigestTime
{
    public const string Off = "off";
    public const string Hourly = "hourly";
    public const string Daily = "daily";

    private const string DefaultAt = "08:00";
    private const int MaxPutOff = 4; // Mute, quiet hours, and once more each.

    private readonly NotificationPreferences _preferences;
    private readonly TimeOnly? _at;
    private readonly TimeZoneInfo _zone;

    private DigestTime(NotificationPreferences preferences, TimeOnly? at, TimeZoneInfo zone) => (_preferences, _at, _zone) = (preferences, at, zone);

    /// <returns>Null when the user wants no digest, or its time or its zone is none.</returns>
    public static DigestTime? Parse(NotificationPreferences? preferences)
    {
        if (preferences?.Digest is not { Every: Hourly or Daily } digest)
        {
            return null;
        }

        var name = digest.Zone.Length > 0 ? digest.Zone : preferences.QuietHours?.Zone ?? "UTC";
        return TimeOnly.TryParseExact(digest.At.Length > 0 ? digest.At : DefaultAt, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var at)
            && Zones.TryFind(name, out var zone)
                ? new DigestTime(preferences, digest.Every == Daily ? at : null, zone)
                : null;
    }

    /// <summary>When the user is told of what was decided at a time. Never in quiet hours or while all is muted: then when that ends.</summary>
    public DateTimeOffset DueAfter(DateTimeOffset decided)
    {
        var due = NextAfter(decided);
        for (var putOff = 0; putOff < MaxPutOff; putOff++)
        {
            if (_preferences.MuteUntilMs > due.ToUnixTimeMilliseconds())
            {
                due = DateTimeOffset.FromUnixTimeMilliseconds(_preferences.MuteUntilMs);
            }
            else if (PreferenceRules.QuietUntil(_preferences, due) is { } end)
            {
                due = end;
            }
            else
            {
                break;
            }
        }

        return due;
    }

    private DateTimeOffset NextAfter(DateTimeOffset decided)
    {
        var local = TimeZoneInfo.ConvertTime(decided, _zone);
        if (_at is not { } at)
        {
            return decided.AddTicks(TimeSpan.TicksPerHour - (local.TimeOfDay.Ticks % TimeSpan.TicksPerHour));
        }

        var day = DateOnly.FromDateTime(local.DateTime);
        while (LocalTime.InstantOf(_zone, day, at, isLast: false) is var due)
        {
            if (due > decided)
            {
                return due;
            }

            day = day.AddDays(1);
        }

        throw new InvalidOperationException("There is a next day");
    }
}
