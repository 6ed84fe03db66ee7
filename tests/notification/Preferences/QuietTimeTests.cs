using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;

namespace Tertulia.Notifications.Tests.Preferences;

/// <summary>Quiet hours are those of the user's clock, also on the two days on which it jumps.</summary>
public sealed class QuietTimeTests
{
    private const string Madrid = "Europe/Madrid"; // +01:00, +02:00 from 2026-03-29T01:00Z to 2026-10-25T01:00Z

    [Theory]
    [InlineData("22:00", "07:00", "2026-01-10T20:59:59Z", null)]
    [InlineData("22:00", "07:00", "2026-01-10T21:00:00Z", "2026-01-11T06:00:00Z")]
    [InlineData("22:00", "07:00", "2026-01-11T05:59:59Z", "2026-01-11T06:00:00Z")]
    [InlineData("22:00", "07:00", "2026-01-11T06:00:00Z", null)]
    [InlineData("13:00", "16:00", "2026-07-10T11:00:00Z", "2026-07-10T14:00:00Z")]
    [InlineData("13:00", "16:00", "2026-07-10T14:00:00Z", null)]
    public void An_ordinary_day_has_them_by_the_clock(string start, string end, string now, string? until) => Check(Madrid, start, end, now, until);

    [Theory]
    [InlineData("22:00", "07:00", "2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z")] // The night has eight hours.
    [InlineData("22:00", "07:00", "2026-03-29T05:00:00Z", null)]
    [InlineData("22:00", "07:00", "2026-03-29T20:00:00Z", "2026-03-30T05:00:00Z")]
    [InlineData("01:30", "02:30", "2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z")] // There is no 02:30: clocks go on at 03:00.
    [InlineData("01:30", "02:30", "2026-03-29T01:00:00Z", null)]
    [InlineData("02:30", "04:00", "2026-03-29T00:59:59Z", null)]
    [InlineData("02:30", "04:00", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z")]
    public void When_clocks_go_forward_nothing_of_it_is_lost(string start, string end, string now, string? until) => Check(Madrid, start, end, now, until);

    [Theory]
    [InlineData("22:00", "07:00", "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z")] // The night has ten hours.
    [InlineData("22:00", "07:00", "2026-10-25T05:59:59Z", "2026-10-25T06:00:00Z")]
    [InlineData("22:00", "02:30", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z")] // Between the two 02:30, no hole.
    [InlineData("22:00", "02:30", "2026-10-25T01:30:00Z", null)]
    [InlineData("02:30", "05:00", "2026-10-25T00:29:59Z", null)]
    [InlineData("02:30", "05:00", "2026-10-25T00:30:00Z", "2026-10-25T04:00:00Z")]
    public void When_clocks_go_back_no_night_has_a_hole(string start, string end, string now, string? until) => Check(Madrid, start, end, now, until);

    [Theory]
    [InlineData("Asia/Kolkata", "23:00", "06:00", "2026-05-01T17:30:00Z", "2026-05-02T00:30:00Z")]
    [InlineData("Pacific/Apia", "00:00", "06:00", "2026-05-01T11:00:00Z", "2026-05-01T17:00:00Z")]
    [InlineData("America/Santiago", "23:30", "08:00", "2026-09-06T03:30:00Z", "2026-09-06T11:00:00Z")] // Clocks skip midnight.
    [InlineData("UTC", "00:00", "23:59", "2026-05-01T23:59:00Z", null)]
    public void Any_zone_will_do(string zone, string start, string end, string now, string? until) => Check(zone, start, end, now, until);

    [Theory]
    [InlineData("22:00", "22:00", Madrid)]
    [InlineData("22", "07:00", Madrid)]
    [InlineData("22:00", "24:00", Madrid)]
    [InlineData("22:00", "07:00", "Europe/Nowhere")]
    [InlineData("22:00", "07:00", "")]
    [InlineData("22:00", "07:00", "../zoneinfo/Europe/Madrid")]
    [InlineData("22:00", "07:00", "/usr/share/zoneinfo/Europe/Madrid")]
    [InlineData("22:00", "07:00", "Europe/Madrid\0")]
    public void What_is_no_time_or_no_zone_is_refused(string start, string end, string zone) =>
        Assert.NotNull(PreferenceRules.Refuse(new NotificationPreferences { QuietHours = new QuietHours { Start = start, End = end, Zone = zone } }));

    private static void Check(string zone, string start, string end, string now, string? until)
    {
        var quiet = QuietTime.Parse(new QuietHours { Start = start, End = end, Zone = zone })!;

        Assert.Equal(until is null ? null : At(until), quiet.EndAfter(At(now)));
    }

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
