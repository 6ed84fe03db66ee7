using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;

namespace Tertulia.Notifications.Tests.Preferences;

/// <summary>A digest comes at the user's time, once a day, also on the two days on which clocks jump.</summary>
public sealed class DigestTimeTests
{
    private const string Madrid = "Europe/Madrid"; // +01:00, +02:00 from 2026-03-29T01:00Z to 2026-10-25T01:00Z

    [Theory]
    [InlineData("08:00", Madrid, "2026-01-10T06:59:59Z", "2026-01-10T07:00:00Z")]
    [InlineData("08:00", Madrid, "2026-01-10T07:00:00Z", "2026-01-11T07:00:00Z")]
    [InlineData("08:00", Madrid, "2026-03-28T12:00:00Z", "2026-03-29T06:00:00Z")] // It is summer.
    [InlineData("02:30", Madrid, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z")] // There is no 02:30.
    [InlineData("02:30", Madrid, "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z")]
    [InlineData("08:00", Madrid, "2026-10-24T12:00:00Z", "2026-10-25T07:00:00Z")] // It is winter.
    [InlineData("02:30", Madrid, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z")] // The first of two.
    [InlineData("02:30", Madrid, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z")] // Not the second.
    [InlineData("02:30", Madrid, "2026-10-25T01:29:00Z", "2026-10-26T01:30:00Z")]
    [InlineData("00:00", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z")] // Clocks skip midnight.
    [InlineData("", "Asia/Kolkata", "2026-05-01T02:29:59Z", "2026-05-01T02:30:00Z")]
    [InlineData("23:59", "Pacific/Apia", "2026-05-01T10:59:00Z", "2026-05-02T10:59:00Z")]
    public void Each_day_has_one(string at, string zone, string decided, string due) =>
        Assert.Equal(At(due), Parse(new DigestPreferences { Every = "daily", At = at, Zone = zone })!.DueAfter(At(decided)));

    [Theory]
    [InlineData("UTC", "2026-05-01T10:00:00Z", "2026-05-01T11:00:00Z")]
    [InlineData("UTC", "2026-05-01T10:59:59.999Z", "2026-05-01T11:00:00Z")]
    [InlineData("Asia/Kolkata", "2026-05-01T10:10:00Z", "2026-05-01T10:30:00Z")]
    [InlineData(Madrid, "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z")]
    [InlineData(Madrid, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z")]
    public void Each_hour_of_the_users_clock_has_one(string zone, string decided, string due) =>
        Assert.Equal(At(due), Parse(new DigestPreferences { Every = "hourly", Zone = zone })!.DueAfter(At(decided)));

    [Fact]
    public void It_does_not_come_in_quiet_hours_nor_while_all_is_muted()
    {
        var preferences = new NotificationPreferences
        {
            Digest = new DigestPreferences { Every = "hourly" }, QuietHours = new QuietHours { Start = "22:00", End = "07:00", Zone = Madrid },
        };
        Assert.Equal(At("2026-01-10T06:00:00Z"), DigestTime.Parse(preferences)!.DueAfter(At("2026-01-09T21:30:00Z")));

        preferences.MuteUntilMs = At("2026-01-10T23:00:00Z").ToUnixTimeMilliseconds();
        Assert.Equal(At("2026-01-11T06:00:00Z"), DigestTime.Parse(preferences)!.DueAfter(At("2026-01-10T12:30:00Z")));
    }

    [Theory]
    [InlineData("weekly", "", "")]
    [InlineData("daily", "8:00", "")]
    [InlineData("daily", "24:00", "")]
    [InlineData("daily", "", "Europe/Nowhere")]
    [InlineData("hourly", "", "../zoneinfo/Europe/Madrid")]
    public void What_is_no_time_is_refused(string every, string at, string zone)
    {
        var preferences = new NotificationPreferences { Digest = new DigestPreferences { Every = every, At = at, Zone = zone } };

        Assert.NotNull(PreferenceRules.Refuse(preferences));
        Assert.Null(DigestTime.Parse(preferences));
    }

    [Theory]
    [InlineData("")]
    [InlineData("off")]
    public void Who_wants_none_has_none(string every)
    {
        var preferences = new NotificationPreferences { Digest = new DigestPreferences { Every = every } };

        Assert.Null(PreferenceRules.Refuse(preferences));
        Assert.Null(DigestTime.Parse(preferences));
    }

    private static DigestTime? Parse(DigestPreferences digest) => DigestTime.Parse(new NotificationPreferences { Digest = digest });

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
