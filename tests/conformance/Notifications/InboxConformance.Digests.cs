using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Conformance.Notifications;

/// <summary>What was not pushed is summed up: once, at the user's time, and without what was read meanwhile.</summary>
public abstract partial class InboxConformance
{
    private static readonly QuietHours Night = new() { Start = "22:00", End = "07:00", Zone = "Europe/Madrid" }; // Tests begin at 23:15 there.
    private static readonly DateTimeOffset Eight = new(2023, 11, 15, 7, 0, 0, TimeSpan.Zero); // 08:00 there.

    [Fact]
    public async Task What_came_in_quiet_hours_or_was_kept_out_by_the_level_is_in_one_digest()
    {
        await SetAsync("bruno", Wishes("daily", level: "mentions"));
        var team = new RoomScript("team");
        await FollowAsync([team.Created(), team.Joined("bruno")], [.. Enumerable.Range(0, 2).Select(i => team.Said("zoe", $"t{i}", "@bruno"))]);
        RoomEntry[] said = [.. Enumerable.Range(0, 4).Select(i => _lobby.Said("ana", $"m{i}", "@bruno"))];
        await FollowAsync([.. said, Reply(_lobby.Said("ana", "r"), root: "", answers: "x", of: "bruno")]);
        await FollowAsync([Delete(_lobby.Said("ana", "d"), "id-ana-m1")]);
        await MarkAsync(new MarkReadRequest { UserId = "bruno", NotificationIds = { (await ReadAsync("bruno")).Notifications.First(one => one.MessageId == "id-ana-m0").NotificationId } });

        await PassAsync(Eight - TimeSpan.FromMilliseconds(1));
        Assert.DoesNotContain("digest ", await KindsAsync("bruno"));
        await PassAsync(Eight);
        await PassAsync(Eight.AddDays(2));

        var digest = Assert.Single((await ReadAsync("bruno")).Notifications, one => one.Kind == "digest");
        Assert.Equal(("5 unread notifications", "lobby: 3\nteam: 2"), (digest.Title, digest.Body));
        Assert.Equal(["lobby 3", "team 2"], digest.Rooms.Select(room => $"{room.RoomId} {room.Count}"));
        Assert.Equal(Eight.ToUnixTimeMilliseconds(), digest.CreatedAtMs);
        Assert.Empty(await JobsAsync());
    }

    [Fact]
    public async Task Nothing_is_told_of_what_was_read_and_nothing_to_who_does_not_want_it_any_more()
    {
        foreach (var user in (string[])["bruno", "carla", "eva"])
        {
            await SetAsync(user, Wishes("daily", level: "mentions"));
        }

        await FollowAsync([Reply(_lobby.Said("ana", "a", "@carla @eva"), root: "", answers: "x", of: "bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await ReadRoomAsync("bruno", _lobby.LastSeq);
        await SetAsync("carla", Wishes("off", level: ""));
        await PassAsync(Eight);

        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Equal(["mention id-ana-a"], await KindsAsync("carla"));
        Assert.Equal(["mention id-ana-a", "digest "], await KindsAsync("eva"));

        await SetAsync("carla", Wishes("daily", level: ""));
        await PassAsync(Eight.AddDays(1));
        Assert.Equal(["mention id-ana-a"], await KindsAsync("carla"));
    }

    [Fact]
    public async Task Who_changes_the_time_is_told_at_the_new_one()
    {
        await SetAsync("bruno", Wishes("daily", at: "18:00"));
        await SetAsync("carla", Wishes("daily", at: "08:00"));
        await FollowAsync([_lobby.Said("ana", "a", "@bruno @carla")]);
        await SetAsync("bruno", Wishes("hourly"));
        await SetAsync("carla", Wishes("daily", at: "18:00"));

        await PassAsync(Eight - TimeSpan.FromHours(1)); // The quiet hours end.
        Assert.Equal(["mention id-ana-a", "digest "], await KindsAsync("bruno"));
        await PassAsync(Eight);
        Assert.Equal(["mention id-ana-a"], await KindsAsync("carla"));
        await PassAsync(Eight.AddHours(10));
        Assert.Equal(["mention id-ana-a", "digest "], await KindsAsync("carla"));
    }

    [Fact]
    public async Task What_is_decided_again_is_not_summed_up_again_and_old_reasons_are_pruned()
    {
        await SetAsync("bruno", Wishes("daily", level: "none"));
        await FollowAsync([_lobby.Said("ana", "a", "@bruno")]);
        await PassAsync(Eight);
        await FollowAsync([Edit(_lobby.Said("ana", "e"), "id-ana-a", "@bruno!")]);
        await PassAsync(Eight.AddDays(1));

        Assert.Equal(["digest "], await KindsAsync("bruno"));
        var withheld = new WithheldItems(_store);
        Assert.Equal(0, await withheld.PruneAsync(Eight.AddDays(-1), 10, Deadline));
        Assert.Equal(1, await withheld.PruneAsync(_time.GetUtcNow(), 10, Deadline));
    }

    [Fact]
    public async Task Nothing_is_told_of_a_room_that_its_user_was_banned_from_and_a_direct_room_is_called_by_who_wrote()
    {
        await SetAsync("bruno", Wishes("daily", level: "mentions"));
        var direct = new RoomScript("dm:ana:bruno");
        var created = direct.Created();
        created.Event.Room.Kind = "direct";
        await FollowAsync([created, direct.Joined("bruno"), direct.Said("ana", "d"), Reply(_lobby.Said("ana", "a"), root: "", answers: "x", of: "bruno")]);
        var banned = _lobby.Joined("bruno");
        (banned.Event.UserId, banned.Event.Member.Action, banned.Event.Member.Banned) = ("ana", MemberAction.Ban, true);
        await FollowAsync([banned]);

        await PassAsync(Eight);

        Assert.Equal(("1 unread notification", "ANA: 1"), ((await ReadAsync("bruno")).Notifications[0].Title, (await ReadAsync("bruno")).Notifications[0].Body));
    }

    private static NotificationPreferences Wishes(string every, string level = "", string at = "") =>
        new() { Level = level, QuietHours = Night, Digest = new DigestPreferences { Every = every, At = at } };

    /// <summary>Time passes, and what is due is done.</summary>
    private async Task PassAsync(DateTimeOffset until)
    {
        _time.SetUtcNow(until);
        var jobs = new JobStore(_store, _time);
        var handler = new DigestHandler(_store, _inbox, _news, _time);
        foreach (var message in await jobs.ClaimAsync(TimeSpan.FromMinutes(2), 10, Deadline))
        {
            var job = (await jobs.BeginAsync(message, TimeSpan.FromMinutes(2), Deadline))!;
            if (await handler.RunAsync(job, Deadline) is { Outcome: not JobOutcome.Ended } result)
            {
                await jobs.NoteAsync(job, result, Deadline);
            }
        }
    }

    private Task<List<string>> JobsAsync() => _store.WriteAsync(
        async round =>
        {
            var later = _time.GetUtcNow().AddYears(1);
            var jobs = await round.Jobs.ClaimAsync(later, later, 100);
            foreach (var job in jobs)
            {
                await round.Jobs.ReleaseAsync(job.Key, job.Claim);
            }

            return jobs.ConvertAll(job => job.Key);
        },
        Deadline);
}
