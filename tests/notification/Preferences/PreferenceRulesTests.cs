using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;

namespace Tertulia.Notifications.Tests.Preferences;

public sealed class PreferenceRulesTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_900_000_000_000);

    public static TheoryData<string, string?> Levels
    {
        get
        {
            var rows = new TheoryData<string, string?>();
            foreach (var kind in NotificationKinds.All)
            {
                rows.Add(kind, kind is "reply" or "thread" or "keyword" or "reaction" ? null : NotificationKinds.SoundOf(kind));
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void The_level_mentions_lets_through_what_is_meant_for_the_user(string kind, string? sound)
    {
        var preferences = new NotificationPreferences { Level = "mentions" };

        Assert.Equal(sound, SoundOf(preferences, kind));
        Assert.Equal(NotificationKinds.SoundOf(kind), SoundOf(null, kind));
        Assert.Equal(kind == NotificationKinds.Digest, SoundOf(new NotificationPreferences { Level = "none" }, kind) is not null); // It tells of what the level keeps out.
    }

    [Fact]
    public void A_room_goes_before_all_rooms_and_a_kind_of_a_room_before_the_kind()
    {
        var preferences = new NotificationPreferences
        {
            Level = "none",
            Kinds = { ["reply"] = new KindPreferences { Off = true }, ["mention"] = new KindPreferences { Sound = "ding" } },
            Rooms =
            {
                ["lobby"] = new RoomPreferences { Level = "all", Kinds = { ["reply"] = new KindPreferences { Sound = "" } } },
                ["other"] = new RoomPreferences { Level = "all" },
            },
        };

        Assert.Equal("", SoundOf(preferences, "reply"));
        Assert.Null(SoundOf(preferences, "reply", "other"));
        Assert.Equal("ding", SoundOf(preferences, "mention", "other"));
        Assert.Null(SoundOf(preferences, "mention", "third"));
    }

    [Fact]
    public void Who_is_muted_is_told_nothing_until_then_and_who_has_quiet_hours_is_told_without_sound()
    {
        var until = Now.ToUnixTimeMilliseconds();
        Assert.Null(SoundOf(new NotificationPreferences { MuteUntilMs = until + 1 }, "mention"));
        Assert.Equal("mention", SoundOf(new NotificationPreferences { MuteUntilMs = until }, "mention"));
        var quiet = new QuietHours { Start = Now.AddHours(-1).ToString("HH:mm", null), End = Now.AddHours(1).ToString("HH:mm", null), Zone = "UTC" };
        var preferences = new NotificationPreferences { QuietHours = quiet, Kinds = { ["mention"] = new KindPreferences { Sound = "ding" } } };
        Assert.Equal("", SoundOf(preferences, "mention"));
        Assert.NotNull(PreferenceRules.QuietUntil(preferences, Now));
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        NotificationPreferences[] wrong =
        [
            new() { Level = "some" },
            new() { MuteUntilMs = -1 },
            new() { Rooms = { ["lobby"] = new RoomPreferences { Level = "x" } } },
            new() { Rooms = { [new string('r', 129)] = new RoomPreferences() } },
            new() { Rooms = { Enumerable.Range(0, 501).ToDictionary(i => $"r{i}", _ => new RoomPreferences()) } },
            new() { Kinds = { [""] = new KindPreferences() } },
            new() { Kinds = { ["reply"] = new KindPreferences { Sound = new string('s', 129) } } },
            new() { Keywords = { "dos palabras" } },
            new() { Keywords = { "a" } },
            new() { Keywords = { new string('k', 41) } },
            new() { Keywords = { Enumerable.Range(0, 51).Select(i => $"word{i}") } },
        ];

        Assert.All(wrong, preferences => Assert.NotNull(PreferenceRules.Refuse(preferences)));
        Assert.Null(PreferenceRules.Refuse(new NotificationPreferences { Level = "mentions", Keywords = { "café" }, Rooms = { ["lobby"] = new RoomPreferences() } }));
    }

    private static string? SoundOf(NotificationPreferences? preferences, string kind, string roomId = "lobby") =>
        PreferenceRules.Decide(preferences, kind, roomId, sound: null, Now).Sound;
}
