namespace Tertulia.Notifications.Preferences;

/// <summary>Instants of a zone's times of day.</summary>
internal static class LocalTime
{
    /// <summary>When the clocks of a zone show a time on a day. A time that they skip is when they go on; of one that they repeat it is the first, or the last.</summary>
    public static DateTimeOffset InstantOf(TimeZoneInfo zone, DateOnly day, TimeOnly time, bool isLast)
    {
        var local = day.ToDateTime(time);
        while (zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(1);
        }

        // The larger offset is the earlier instant: summer time comes first.
        var offset = !zone.IsAmbiguousTime(local) ? zone.GetUtcOffset(local)
            : isLast ? zone.GetAmbiguousTimeOffsets(local).Min()
            : zone.GetAmbiguousTimeOffsets(local).Max();
        return new DateTimeOffset(local, offset);
    }
}
