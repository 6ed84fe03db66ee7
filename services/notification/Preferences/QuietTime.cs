using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Preferences;

/// <summary>When a user is not to be disturbed: each day from one time to another, of the user's zone.</summary>
/// <remarks>An interval is between two instants. A start that clocks skip is when they go on; one that they repeat is the first one. An end that is skipped is when they
/// go on, too; one that is repeated is the second one, so that no night has a hole.</remarks>
internal sealed class QuietTime
{
    private readonly TimeOnly _start;
    private readonly TimeOnly _end;
    private readonly TimeZoneInfo _zone;

    private QuietTime(TimeOnly start, TimeOnly end, TimeZoneInfo zone) => (_start, _end, _zone) = (start, end, zone);

    /// <returns>Null when a time is not <c>HH:mm</c>, or there is no such zone.</returns>
    public static QuietTime? Parse(QuietHours hours) =>
        TimeOnly.TryParseExact(hours.Start, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var start)
        && TimeOnly.TryParseExact(hours.End, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var end)
        && start != end && Zones.TryFind(hours.Zone, out var zone)
            ? new QuietTime(start, end, zone)
            : null;

    /// <returns>When the quiet time ends that this instant is in; null when it is in none.</returns>
    public DateTimeOffset? EndAfter(DateTimeOffset now)
    {
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, _zone).DateTime);
        for (var day = today.AddDays(-1); day <= today; day = day.AddDays(1))
        {
            var end = InstantOf(_end > _start ? day : day.AddDays(1), _end, isEnd: true);
            if (InstantOf(day, _start, isEnd: false) <= now && now < end)
            {
                return end;
            }
        }

        return null;
    }

    private DateTimeOffset InstantOf(DateOnly day, TimeOnly time, bool isEnd) => LocalTime.InstantOf(_zone, day, time, isLast: isEnd);
}
