using System.Buffers.Text;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Storage.Sql;
using Tertulia.Notifications.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests.Push;

/// <summary>From what is put into an inbox to what a device shows, over real HTTP. Every test ends with the endpoint's check that no push showed nothing.</summary>
public sealed class PushTests : IAsyncLifetime
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(15);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private readonly HashSet<string> _focused = [];
    private PushEndpoint _endpoint = null!;
    private TestService _service = null!;
    private long _useq;

    public async Task InitializeAsync()
    {
        _endpoint = await PushEndpoint.StartAsync();
        _service = await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _endpoint.DisposeAsync();
    }

    [Fact]
    public async Task Each_device_of_a_user_shows_what_the_inbox_got()
    {
        await SubscribeAsync("ana", "phone");
        await SubscribeAsync("ana", "laptop");
        await SubscribeAsync("bruno", "phone");

        await NotifyAsync("ana", "1", "Carla", "Hola");

        await ReceivedAsync(2);
        Assert.Equal(["ana.laptop", "ana.phone"], _endpoint.Received.Select(push => push.Device[..push.Device.LastIndexOf('.')]).Order(StringComparer.Ordinal));
        Assert.All(_endpoint.Received, push => Assert.Equal(("Carla", "Hola", 1), (push.Title, push.Body, push.Count)));
        await IdleAsync();
    }

    [Fact]
    public async Task Two_hundred_messages_in_ten_seconds_are_two_pushes_that_tell_of_all()
    {
        await SubscribeAsync("ana", "phone");

        for (var message = 0; message < 200; message++)
        {
            await NotifyAsync("ana", "1", "Carla", $"Message {message}");
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        await ReceivedAsync(1);
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 2);
        await IdleAsync();
        Assert.Equal(200, _endpoint.Received.Sum(push => push.Count));
        Assert.Equal("Message 199", _endpoint.Received[1].Body);
        Assert.Single(_endpoint.Received.Select(push => push.Headers["Topic"]).Distinct());
    }

    [Fact]
    public async Task What_waits_of_several_rooms_is_one_push_that_tells_of_all()
    {
        await SubscribeAsync("ana", "phone");
        await NotifyAsync("ana", "1", "Carla", "first");
        await ReceivedAsync(1);

        await NotifyAsync("ana", "1", "Carla", "second");
        await NotifyAsync("ana", "2", "Dora", "third");
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 2);

        var summary = _endpoint.Received[1];
        Assert.Equal(("2 new notifications", "Dora: third\nCarla: second", 2), (summary.Title, summary.Body, summary.Count));
        Assert.Equal(PushUserHandler.SummaryTag, summary.Tag);
    }

    [Fact]
    public async Task A_user_whose_focused_device_shows_the_room_is_not_pushed_to_about_it()
    {
        await SubscribeAsync("ana", "phone");
        _focused.Add("1");

        await NotifyAsync("ana", "1", "Carla", "seen");
        await IdleAsync();
        await NotifyAsync("ana", "2", "Dora", "not seen");

        await ReceivedAsync(1);
        Assert.Equal("not seen", _endpoint.Received[0].Body);
        await IdleAsync();
        Assert.Single(_endpoint.Received);
    }

    [Fact]
    public async Task What_came_in_quiet_hours_is_pushed_as_a_digest_that_names_the_rooms()
    {
        await SubscribeAsync("ana", "phone");
        await _service.Get<PreferenceStore>().SaveAsync(
            "ana",
            new NotificationPreferences
            {
                QuietHours = new QuietHours { Start = "07:00", End = "09:00", Zone = "UTC" }, Digest = new DigestPreferences { Every = "daily", At = "08:30" },
            },
            CancellationToken.None);
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        Wanted[] wanted =
        [
            .. ((string[])["1", "2", "1"]).Select((room, number) => new Wanted("ana", $"m:{number}", new Notification
            {
                Kind = "mention", Title = "t", Body = "b", RoomId = room, MessageId = $"m{number}", Seq = number + 1, CreatedAtMs = now,
            })),
        ];
        await WriteAsync(round => _service.Get<InboxStore>().AddAsync(round, wanted));
        await WriteAsync(round => _service.Get<InboxStore>().MarkAsync(round, new MarkReadRequest { UserId = "ana", UpToUseq = 1 }));

        _time.Advance(new TimeSpan(0, 59, 50)); // The digest is put off until the quiet hours end, at 09:00.
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 1);

        var push = _endpoint.Received[0];
        Assert.Equal(("2 unread notifications", "1: 1\n2: 1", "digest", 1), (push.Title, push.Body, push.Tag, push.Count));
        Assert.Equal("digest", push.Payload.GetProperty("kind").GetString());
        Assert.Equal("""[{"room_id":"1","name":"1","count":1},{"room_id":"2","name":"2","count":1}]""", push.Payload.GetProperty("rooms").GetRawText());
        Assert.Equal("low", push.Headers["Urgency"]);
    }

    [Fact]
    public async Task A_user_is_pushed_to_when_presence_does_not_say_what_devices_show()
    {
        await using var service = await TestService.StartAsync();

        Assert.Empty(await service.Get<FocusedRooms>()("ana", CancellationToken.None));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(410)]
    public async Task A_subscription_that_is_gone_is_removed_and_the_others_stay(int status)
    {
        await SubscribeAsync("ana", "phone");
        var laptop = await SubscribeAsync("ana", "laptop");
        _endpoint.Instead = context => AnswerAsync(context, context.Request.Path.Value!.Contains("laptop", StringComparison.Ordinal) ? status : 0);

        await NotifyAsync("ana", "1", "Carla", "Hola");
        await ReceivedAsync(1);
        await IdleAsync();

        Assert.Equal("phone", Assert.Single(await DevicesAsync("ana")).DeviceId);
        await _service.Get<PushSubscriptions>().PutAsync(laptop, CancellationToken.None);
        Assert.Equal(2, (await DevicesAsync("ana")).Count);
    }

    [Fact]
    public async Task A_service_that_is_busy_is_asked_again_when_it_said()
    {
        await SubscribeAsync("ana", "phone");
        var busy = true;
        _endpoint.Instead = context =>
        {
            context.Response.Headers.RetryAfter = "120";
            return AnswerAsync(context, busy ? 429 : 0);
        };

        await NotifyAsync("ana", "1", "Carla", "Hola");
        await Eventually.HoldsAsync(() => _endpoint.Requests == 1, "it was asked");
        busy = false;
        await PutOffAsync();
        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.Equal(1, _endpoint.Requests);
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 1);

        Assert.Equal((2, "Hola"), (_endpoint.Requests, _endpoint.Received[0].Body));
        Assert.InRange(int.Parse(_endpoint.Received[0].Headers["TTL"], null), 1, (12 * 3600) - 120);
    }

    [Fact]
    public async Task A_push_that_nobody_takes_is_in_the_error_queue_after_its_last_attempt_and_can_be_replayed()
    {
        await SubscribeAsync("ana", "phone");
        var down = true;
        _endpoint.Instead = context => AnswerAsync(context, down ? 503 : 0);

        await NotifyAsync("ana", "1", "Carla", "Hola");
        await AdvanceUntilAsync(() => _endpoint.Requests == 8);
        await Eventually.EqualsAsync(1, async () => (await FailedAsync()).Items.Count);
        down = false;
        await _service.Admin.PostAsync(new Uri("/admin/jobs/failed/replay", UriKind.Relative), null);

        await ReceivedAsync(1);
        Assert.Empty((await FailedAsync()).Items);
    }

    [Fact]
    public async Task A_push_that_is_refused_is_an_error_at_once_and_tells_no_secret()
    {
        var subscription = await SubscribeAsync("ana", "phone");
        _endpoint.Instead = context => AnswerAsync(context, 403);

        await NotifyAsync("ana", "1", "Carla", "Hola");
        await Eventually.EqualsAsync(1, async () => (await FailedAsync()).Items.Count);

        var failed = Assert.Single((await FailedAsync()).Items);
        Assert.Equal("the push service did not take it: 403", failed.Error);
        var listed = await _service.Admin.GetStringAsync("/admin/jobs/failed");
        Assert.DoesNotContain(new Uri(subscription.Endpoint).Segments[^1], listed, StringComparison.Ordinal);
        Assert.DoesNotContain("Hola", listed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_push_that_is_older_than_it_may_get_is_given_up()
    {
        await SubscribeAsync("ana", "phone");
        _endpoint.Instead = context =>
        {
            context.Response.Headers.RetryAfter = (13 * 3600).ToString(System.Globalization.CultureInfo.InvariantCulture);
            return AnswerAsync(context, 503);
        };
        await NotifyAsync("ana", "1", "Carla", "Hola");
        await Eventually.HoldsAsync(() => _endpoint.Requests == 1, "it was asked");
        await PutOffAsync();

        _time.Advance(TimeSpan.FromHours(13));

        await IdleAsync();
        Assert.Equal(1, _endpoint.Requests);
        Assert.Empty((await FailedAsync()).Items);
    }

    [Fact]
    public async Task What_was_shown_and_is_gone_is_replaced_visibly_and_what_waits_and_is_gone_is_not_shown()
    {
        await SubscribeAsync("ana", "phone");
        var shown = await NotifyAsync("ana", "1", "Carla", "oops");
        await ReceivedAsync(1);
        await IdleAsync();
        var waits = await NotifyAsync("ana", "2", "Dora", "never seen");

        await RetractAsync("ana", "2", waits);
        await RetractAsync("ana", "1", shown);
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 2);
        await IdleAsync();

        Assert.Equal(("room:1", "Carla", "This message was removed"), (_endpoint.Received[1].Tag, _endpoint.Received[1].Title, _endpoint.Received[1].Body));
        Assert.Equal(_endpoint.Received[0].Headers["Topic"], _endpoint.Received[1].Headers["Topic"]);
        Assert.Equal(2, _endpoint.Received.Count);
    }

    [Fact]
    public async Task What_waits_is_pushed_as_it_says_now_and_what_no_longer_concerns_its_user_is_replaced_visibly()
    {
        await SubscribeAsync("ana", "phone");
        await MentionAsync("m1", "1", "@ana oops");
        await ReceivedAsync(1);
        await IdleAsync();
        await MentionAsync("m2", "2", "@ana secret");

        await EditAsync("m2", "2", "@ana public", (_, kind, _) => kind);
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 2);
        await IdleAsync();
        await EditAsync("m1", "1", "oops", (_, _, _) => "");
        await AdvanceUntilAsync(() => _endpoint.Received.Count == 3);
        await IdleAsync();

        Assert.Equal("@ana public", _endpoint.Received[1].Body);
        Assert.Equal(("room:1", "t", "This message no longer concerns you"), (_endpoint.Received[2].Tag, _endpoint.Received[2].Title, _endpoint.Received[2].Body));
        Assert.Equal(_endpoint.Received[0].Headers["Topic"], _endpoint.Received[2].Headers["Topic"]);
        Assert.Equal(3, _endpoint.Received.Count);

        Task MentionAsync(string messageId, string roomId, string body) => WriteAsync(round => _service.Get<InboxStore>().AddAsync(round, [new Wanted("ana", $"m:{messageId}", new Notification
        {
            Kind = "mention", Title = "t", Body = body, RoomId = roomId, MessageId = messageId, Seq = 1, CreatedAtMs = _time.GetUtcNow().ToUnixTimeMilliseconds(),
        })]));

        Task EditAsync(string messageId, string roomId, string body, KindNow kindNow) => WriteAsync(
            round => _service.Get<InboxStore>().ReviseAsync(round, new Revision($"m:{messageId}", messageId, roomId, body, kindNow)));
    }

    [Fact]
    public async Task What_was_read_is_neither_pushed_nor_replaced()
    {
        await SubscribeAsync("ana", "phone");
        var first = await NotifyAsync("ana", "1", "Carla", "first");
        await ReceivedAsync(1);
        await IdleAsync();
        await NotifyAsync("ana", "1", "Carla", "second");
        var third = await NotifyAsync("ana", "2", "Dora", "third");

        await WriteAsync(round => round.Pushes.ReadUpToAsync("ana", 2));
        await WriteAsync(round => round.Pushes.ReadAsync("ana", third));
        await RetractAsync("ana", "1", first);
        await AdvanceUntilIdleAsync();

        Assert.Single(_endpoint.Received);
    }

    [Fact]
    public async Task An_endpoint_belongs_to_who_subscribed_it_last_and_a_user_has_at_most_so_many_devices()
    {
        var shared = await SubscribeAsync("ana", "phone");
        await _service.Get<PushSubscriptions>().PutAsync(shared with { UserId = "bruno" }, CancellationToken.None);
        for (var device = 0; device < 21; device++)
        {
            await SubscribeAsync("carla", $"device {device}");
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.Empty(await DevicesAsync("ana"));
        Assert.Single(await DevicesAsync("bruno"));
        Assert.Equal(20, (await DevicesAsync("carla")).Count);
        Assert.DoesNotContain(await DevicesAsync("carla"), device => device.DeviceId == "device 0");
        Assert.True(await _service.Get<PushSubscriptions>().RemoveAsync("bruno", "phone", CancellationToken.None));
        Assert.False(await _service.Get<PushSubscriptions>().RemoveAsync("bruno", "phone", CancellationToken.None));
    }

    [Fact]
    public void A_subscription_that_cannot_be_used_is_refused_with_a_reason()
    {
        var subscriptions = _service.Get<PushSubscriptions>();
        var good = _endpoint.Subscribe("ana", "phone");

        Assert.Null(subscriptions.Refusal(good));
        Assert.Contains("device_id", subscriptions.Refusal(good with { DeviceId = new string('d', 65) })!, StringComparison.Ordinal);
        Assert.Contains("device_id", subscriptions.Refusal(good with { DeviceId = "a\0" })!, StringComparison.Ordinal);
        Assert.Contains("p256dh", subscriptions.Refusal(good with { Key = "AAAA" })!, StringComparison.Ordinal);
        Assert.Contains("p256dh", subscriptions.Refusal(good with { Key = "not base64 *" })!, StringComparison.Ordinal);
        Assert.Contains("auth", subscriptions.Refusal(good with { Auth = Base64Url.EncodeToString(new byte[15]) })!, StringComparison.Ordinal);
        Assert.Contains("internal", subscriptions.Refusal(good with { Endpoint = "https://10.0.0.1/x" })!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_keys_are_made_once_and_kept()
    {
        var folder = Directory.CreateTempSubdirectory("tertulia-vapid-").FullName;
        var publicKeys = new List<string>();
        for (var start = 0; start < 2; start++)
        {
            await using var service = await TestService.StartAsync(folder: folder);
            publicKeys.AddRange(await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => service.Get<Vapid>().PublicKeyAsync(CancellationToken.None))));
        }

        var configured = VapidKeys.Generate();
        await using (var service = await TestService.StartAsync(
            folder: folder, settings: [$"Push:PublicKey={configured.PublicKey}", $"Push:PrivateKey={configured.PrivateKey}"]))
        {
            Assert.Equal(configured.PublicKey, await service.Get<Vapid>().PublicKeyAsync(CancellationToken.None));
        }

        Directory.Delete(folder, recursive: true);
        Assert.Single(publicKeys.Distinct(StringComparer.Ordinal));
        await Assert.ThrowsAsync<OptionsValidationException>(() => TestService.StartAsync(settings: $"Push:PublicKey={configured.PublicKey}"));
    }

    private static async Task<bool> AnswerAsync(HttpContext context, int status)
    {
        if (status != 0)
        {
            context.Response.StatusCode = status;
            await context.Response.CompleteAsync();
        }

        return status != 0;
    }

    private Task<TestService> StartAsync() => TestService.StartAsync(services => services
        .AddSingleton<TimeProvider>(_time)
        .AddSingleton<FocusedRooms>((_, _) => Task.FromResult<IReadOnlySet<string>>(_focused)));

    private async Task<PushSubscription> SubscribeAsync(string userId, string deviceId)
    {
        var subscription = _endpoint.Subscribe(userId, deviceId);
        await _service.Get<PushSubscriptions>().PutAsync(subscription, CancellationToken.None);
        return subscription;
    }

    private Task<List<PushSubscription>> DevicesAsync(string userId) => _service.Get<PushSubscriptions>().OfAsync(userId, CancellationToken.None);

    private async Task<string> NotifyAsync(string userId, string roomId, string title, string body)
    {
        var useq = ++_useq;
        var content = new PushContent(
            $"room:{roomId}", "mention", title, body, $"/rooms/{roomId}", "ding", roomId, $"n{useq}", useq, 1, _time.GetUtcNow().ToUnixTimeMilliseconds());
        await WriteAsync(round => PendingPushes.AddAsync(round, userId, content, Window, _time.GetUtcNow()));
        return content.NotificationId;
    }

    private Task RetractAsync(string userId, string roomId, string notificationId) =>
        WriteAsync(round => PendingPushes.RetractAsync(round, userId, $"room:{roomId}", notificationId, PendingPushes.RemovedBody, Window, _time.GetUtcNow()));

    private async Task WriteAsync(Func<IRound, Task> work)
    {
        await _service.Get<NotificationStore>().WriteAsync(async round =>
        {
            await work(round);
            return true;
        }, CancellationToken.None);
        _service.Get<JobStore>().Ring();
    }

    private async Task<FailedJobPage> FailedAsync() => (await _service.Admin.GetFromJsonAsync<FailedJobPage>("/admin/jobs/failed"))!;

    private Task ReceivedAsync(int count) => Eventually.HoldsAsync(
        () => _endpoint.Received.Count == count, $"{count} pushes arrive", () => $"{_endpoint.Received.Count} did, of {_endpoint.Requests} requests");

    /// <summary>Lets time pass, a second at a time, until something holds.</summary>
    private Task AdvanceUntilAsync(Func<bool> condition) => Eventually.HoldsAsync(
        () =>
        {
            if (condition())
            {
                return true;
            }

            _time.Advance(TimeSpan.FromSeconds(1));
            return false;
        },
        "time passes until it holds",
        () => $"{_endpoint.Received.Count} pushes, {_endpoint.Requests} requests");

    private Task AdvanceUntilIdleAsync() => Eventually.EqualsAsync(0L, () =>
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return JobsAsync("failed_at_ms is null");
    });

    /// <summary>Nothing is left to be done now.</summary>
    private Task IdleAsync() => Eventually.EqualsAsync(0L, () => JobsAsync("failed_at_ms is null"));

    private Task PutOffAsync() => Eventually.EqualsAsync(1L, () => JobsAsync("attempts = 1 and leased_until_ms = 0"));

    private Task<long> JobsAsync(string which) => _service.Sql.ReadSqlAsync(
        async command => (long)(await command.With($"select count(*) from notification_jobs where {which}").ExecuteScalarAsync(CancellationToken.None))!,
        CancellationToken.None);
}
