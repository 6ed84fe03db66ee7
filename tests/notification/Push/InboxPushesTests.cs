using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Storage.Sql;
using Tertulia.Notifications.Tests.Support;

namespace Tertulia.Notifications.Tests.Push;

/// <summary>What comes into an inbox waits to be pushed, in the same transaction, and no longer when it is read.</summary>
public sealed class InboxPushesTests : IAsyncLifetime
{
    private TestService _service = null!;

    public async Task InitializeAsync()
    {
        _service = await TestService.StartAsync(settings: ["Push:CollapseWindow=00:10:00"]);
        foreach (var user in (string[])["ana", "eva"])
        {
            await _service.Get<NotificationStore>().WriteAsync(async round =>
            {
                // Already pushed a moment ago: what comes waits for the window.
                await round.Devices.PutAsync(new PushSubscription(user, "d", "https://push.example", "x", "x"), user, DateTimeOffset.UtcNow, keep: 1);
                await round.Pushes.SetPushedAtAsync(user, DateTimeOffset.UtcNow);
                return true;
            }, CancellationToken.None);
        }
    }

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task What_is_new_waits_and_what_is_read_or_removed_does_not()
    {
        await AddAsync(Wanted("ana", "m1", "mention", "lobby"), Wanted("ana", "m2", "direct", "dm"), Wanted("ana", "m3", "reaction", "other"), Wanted("bruno", "m1", "mention", "lobby"));
        Assert.Equal(["ana room:dm", "ana room:lobby"], await WaitingAsync());

        var store = _service.Get<NotificationStore>();
        await store.WriteAsync(round => _service.Get<InboxStore>().MarkAsync(round, new MarkReadRequest { UserId = "ana", UpToUseq = 1 }), CancellationToken.None);
        Assert.Equal(["ana room:dm"], await WaitingAsync());

        await store.WriteAsync(round => _service.Get<InboxStore>().RemoveAsync(round, "m2"), CancellationToken.None);
        Assert.Empty(await WaitingAsync());
    }

    [Fact]
    public async Task Nobody_is_pushed_in_quiet_hours()
    {
        var now = DateTimeOffset.UtcNow;
        var quiet = new QuietHours { Start = now.AddHours(-1).ToString("HH:mm", null), End = now.AddHours(1).ToString("HH:mm", null), Zone = "UTC" };
        await _service.Get<PreferenceStore>().SaveAsync("ana", new NotificationPreferences { QuietHours = quiet }, CancellationToken.None);

        await AddAsync(Wanted("ana", "m1", "mention", "lobby"), Wanted("eva", "m1", "mention", "lobby"));

        Assert.Equal(["eva room:lobby"], await WaitingAsync());
        Assert.Equal(1U, (await _service.Get<InboxStore>().ReadAsync(new GetInboxRequest { UserId = "ana" }, CancellationToken.None)).Unread);
    }

    [Fact]
    public async Task Of_a_mention_of_a_whole_room_it_is_asked_once_who_has_devices()
    {
        Made[] made = [.. Enumerable.Range(0, 100).Select(number => $"user-{number}").Append("ana").Select(userId => new Made(
            userId, "m:m1", new Notification { NotificationId = $"n-{userId}", Useq = 1, Kind = "mention_room", Title = "t", RoomId = "lobby", MessageId = "m1" }, 1, null))];
        var pushes = _service.Get<IEnumerable<IInboxListener>>().OfType<InboxPushes>().Single();
        var questions = 0;

        await _service.Get<NotificationStore>().WriteAsync(async round =>
        {
            await pushes.OnMadeAsync(new CountedRound(round, () => questions++), made, DateTimeOffset.UtcNow);
            return true;
        }, CancellationToken.None);

        Assert.Equal(["ana room:lobby"], await WaitingAsync());
        Assert.InRange(questions, 1, 2); // For all, and for who has some.
    }

    private static Wanted Wanted(string userId, string messageId, string kind, string roomId) => new(
        userId, $"m:{messageId}", new Notification { Kind = kind, Title = "t", Body = "b", RoomId = roomId, MessageId = messageId, Seq = 1, CreatedAtMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() });

    private Task AddAsync(params Wanted[] wanted) =>
        _service.Get<NotificationStore>().WriteAsync(round => _service.Get<InboxStore>().AddAsync(round, wanted), CancellationToken.None);

    private Task<List<string>> WaitingAsync() => _service.Sql.ReadSqlAsync(
        command => command.With("select user_id, tag from notification_pushes order by user_id, tag").ListAsync(row => $"{row.GetString(0)} {row.GetString(1)}"),
        CancellationToken.None);

    /// <summary>A round that counts how often devices are asked for.</summary>
    private sealed class CountedRound(IRound round, Action asked) : IRound
    {
        public IJobRows Jobs => round.Jobs;

        public IInboxRows Inbox => round.Inbox;

        public ILaterRows Later => round.Later;

        public IPreferenceRows Preferences => round.Preferences;

        public IWithheldRows Withheld => round.Withheld;

        public IFactRows Facts => round.Facts;

        public IThreadRows Threads => round.Threads;

        public IPushRows Pushes => round.Pushes;

        public IDeviceRows Devices
        {
            get
            {
                asked();
                return round.Devices;
            }
        }

        public IWebhookRows Webhooks => round.Webhooks;

        public ITrailRows Trails => round.Trails;

        public IOwnedRows Owned => round.Owned;

        public Task<bool> MoveMarkAsync(string follower, FeedBatch batch) => round.MoveMarkAsync(follower, batch);
    }
}
