using Tertulia.Contracts;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;

namespace Tertulia.Conformance.Notifications;

/// <summary>Why was somebody told of a message, or not.</summary>
public abstract partial class InboxConformance
{
    [Fact]
    public async Task Each_decision_about_a_message_is_explained()
    {
        var later = _time.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds();
        await FollowAsync([_lobby.Joined("kim"), _lobby.Joined("lena"), _lobby.Joined("mia")]);
        await SetAsync("carla", new NotificationPreferences { Rooms = { ["lobby"] = new RoomPreferences { MuteUntilMs = later } } });
        await SetAsync("eva", new NotificationPreferences { Level = "none" });
        await SetAsync("kim", new NotificationPreferences { Kinds = { ["mention"] = new KindPreferences { Off = true } } });
        await SetAsync("lena", new NotificationPreferences { QuietHours = Night });
        await SetAsync("mia", new NotificationPreferences { MuteUntilMs = later });
        await FollowAsync([
            _lobby.Said("ana", "a", "@bruno @carla @eva @kim @lena @mia @zoe"),
            Reaction(_lobby.Said("bruno", "x1"), "id-ana-a", "ana", "🎉"),
        ]);

        Assert.Equal(
            [
                "ana reaction notified, not_pushed reaction", "bruno mention notified, not_pushed no_device", "carla mention kept_out room_muted", "eva mention kept_out level",
                "kim mention kept_out kind_off", "lena mention notified, not_pushed quiet_hours", "mia mention kept_out muted",
            ],
            await ExplainAsync("id-ana-a"));
        Assert.Equal(["carla mention kept_out room_muted"], await ExplainAsync("id-ana-a", "carla"));
        Assert.Equal(["zoe none not_member"], await ExplainAsync("id-ana-a", "zoe"));
        Assert.Equal(["bruno none not_concerned"], await ExplainAsync("id-ana-b", "bruno"));
        Assert.Equal(["ana none author"], await ExplainAsync("id-ana-b", "ana"));
    }

    [Fact]
    public async Task What_was_read_before_it_was_decided_or_could_not_be_pushed_any_more_is_explained_so()
    {
        await ReadRoomAsync("bruno", 100);
        await FollowAsync([_lobby.Said("ana", "a", "@bruno @carla")]);
        await ReadRoomAsync("carla", 100);

        Assert.Equal(["bruno mention kept_out read", "carla mention notified, not_pushed read"], await ExplainAsync("id-ana-a"));
        await FollowAsync([Delete(_lobby.Said("ana", "d"), "id-ana-a")]);
        Assert.Empty(await ExplainAsync("id-ana-a"));
    }

    [Fact]
    public async Task What_became_of_each_push_is_known_of_the_last_ones()
    {
        await FollowAsync([.. Enumerable.Range(1, 4).Select(i => _lobby.Said("ana", $"m{i}", "@bruno"))]);
        var ids = (await ReadAsync("bruno")).Notifications.Reverse().Select(one => one.NotificationId).ToArray();
        var device = new PushSubscription("bruno", "phone", "https://push.example.net/secret", "key", "auth");
        var content = new PushContent("room:lobby", "mention", "t", "b", "", "", "lobby", ids[3], 4, 1, 0);
        await WriteAsync(async round =>
        {
            await round.Devices.PutAsync(device, "hash", _time.GetUtcNow(), keep: 1);
            await round.Pushes.LogAsync("bruno", "p01", "room:lobby", 2, "", ids[1], _time.GetUtcNow());
            await round.Pushes.LogDeviceAsync("bruno", "p01", "phone", "push.example.net", _time.GetUtcNow());
            await round.Pushes.LogAsync("bruno", "p02", "room:lobby", 3, "focused", "", _time.GetUtcNow());
            await PendingPushes.AddAsync(round, "bruno", content, TimeSpan.FromSeconds(15), _time.GetUtcNow());
            await round.Pushes.ForgetAsync("bruno", PushLog.Kept);
        });
        Assert.Equal([$"bruno mention notified, collapsed into {ids[1]}: push.example.net superseded 0 "], await ExplainAsync("id-ana-m1"));
        await new PushLog(_store, _time).NoteAsync(new PushJob("bruno", "phone", content, "p01"), 2, PushLog.Gone, "410", Deadline);

        Assert.Equal(["bruno mention notified, pushed : push.example.net gone 2 410"], await ExplainAsync("id-ana-m2"));
        Assert.Equal(["bruno mention notified, not_pushed focused"], await ExplainAsync("id-ana-m3"));
        Assert.Equal(["bruno mention notified, waiting"], await ExplainAsync("id-ana-m4"));

        _time.Advance(TimeSpan.FromSeconds(1)); // What is older than a push that is known does not wait.
        await WriteAsync(async round =>
        {
            for (var push = 10; push < 30; push++)
            {
                await round.Pushes.LogAsync("bruno", $"p{push}", "room:other", 4, "", "", _time.GetUtcNow());
            }

            await round.Pushes.ForgetAsync("bruno", PushLog.Kept);
        });
        Assert.Equal(["bruno mention notified, unknown"], await ExplainAsync("id-ana-m2"));
        Assert.Empty(await _store.ReadAsync(round => round.Trails.DevicesAsync(["bruno"]), Deadline));
    }

    private Task WriteAsync(Func<IRound, Task> work) => _store.WriteAsync(
        async round =>
        {
            await work(round);
            return true;
        },
        Deadline);

    private async Task<List<string>> ExplainAsync(string messageId, string userId = "")
    {
        var asked = new ExplainMessageRequest { MessageId = messageId, RoomId = "lobby", AuthorId = "ana", UserId = userId };
        return [.. (await _grpc.ExplainMessage(asked, Call())).Decisions.Select(Words)];
    }

    private static string Words(NotificationDecision one)
    {
        string[] what = [one.UserId, one.Kind, one.Outcome, one.Reason];
        var words = string.Join(' ', what.Where(word => word.Length > 0));
        if (one.Push is not { } push)
        {
            return words;
        }

        var devices = string.Concat(push.Devices.Select(device => $"{(push.Into.Length > 0 ? " into " + push.Into : " ")}: {device.EndpointHost} {device.Outcome} {device.Attempts} {device.Error}"));
        return $"{words}, {push.Outcome}{(push.Reason.Length > 0 ? " " + push.Reason : "")}{devices}";
    }
}
