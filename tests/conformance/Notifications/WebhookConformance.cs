using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Webhooks;

namespace Tertulia.Conformance.Notifications;

/// <summary>What waits for webhooks, in the order of each room, and how they are doing.</summary>
public abstract class WebhookConformance(NotificationDatabase database) : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private readonly WebhookOptions _options = new() { MaxWaiting = 3 };
    private NotificationStore _store = null!;
    private WebhookStore _webhooks = null!;
    private WebhookFollower _follower = null!;
    private FeedMark _mark = FeedMark.Start;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        _store = await database.OpenAsync();
        await _store.InitializeAsync(Deadline);
        _webhooks = new WebhookStore(_store, Options.Create(_options), _time);
        _follower = new WebhookFollower(_store, _webhooks, new JobStore(_store, _time), _time);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await database.DropAsync();
    }

    [Fact]
    public async Task Events_wait_in_their_order_and_are_gone_when_they_were_told()
    {
        await _webhooks.PutAsync(Endpoint("a"), Deadline);
        await FollowAsync("epoch", ("1", 1), ("2", 1), ("1", 2));
        await FollowAsync("epoch", ("1", 3));

        var waiting = await _webhooks.WaitingAsync("a", "1", 10, Deadline);
        Assert.Equal(["epoch:1:1", "epoch:1:2", "epoch:1:3"], waiting.Select(one => one.EventId));
        await _webhooks.ToldAsync("a", "1", waiting[0], Deadline);
        await _webhooks.FailedAsync("a", "1", waiting[1], _time.GetUtcNow().AddSeconds(5), "no", Deadline);

        var left = await _webhooks.WaitingAsync("a", "1", 1, Deadline);
        Assert.Equal(("epoch:1:2", 1, _time.GetUtcNow().AddSeconds(5)), (left[0].EventId, left[0].Attempts, left[0].NotBefore));
        var webhook = await _webhooks.FindAsync("a", Deadline);
        Assert.Equal((_time.GetUtcNow(), _time.GetUtcNow(), "no"), (webhook!.SucceededAt, webhook.FailingSince, webhook.Error));
        Assert.Equal(
            ["webhook:a:1", "webhook:a:2"],
            (await new JobStore(_store, _time).ClaimAsync(TimeSpan.FromMinutes(1), 10, Deadline)).Select(job => job.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_late_note_of_a_process_that_stood_still_is_not_about_the_event_that_has_the_place_now()
    {
        await _webhooks.PutAsync(Endpoint("a"), Deadline);
        await FollowAsync("epoch", ("1", 1));
        var first = Assert.Single(await _webhooks.WaitingAsync("a", "1", 10, Deadline));
        await _webhooks.ToldAsync("a", "1", first, Deadline); // By who got its job when its lease was over.
        await FollowAsync("epoch", ("1", 2));
        var second = Assert.Single(await _webhooks.WaitingAsync("a", "1", 10, Deadline));

        await _webhooks.FailedAsync("a", "1", first, _time.GetUtcNow().AddHours(1), "no", Deadline);
        await _webhooks.ToldAsync("a", "1", first, Deadline);

        Assert.Equal(second, Assert.Single(await _webhooks.WaitingAsync("a", "1", 10, Deadline)));
    }

    [Fact]
    public async Task A_webhook_that_is_disabled_gets_nothing_new_and_keeps_what_waits()
    {
        await _webhooks.PutAsync(Endpoint("a"), Deadline);
        await FollowAsync("epoch", ("1", 1));
        await _webhooks.DisableAsync("a", "no", Deadline);
        await FollowAsync("epoch", ("1", 2));

        Assert.True(await _webhooks.EnableAsync("a", Deadline));
        Assert.False(await _webhooks.EnableAsync("b", Deadline));
        await FollowAsync("epoch", ("1", 3));

        Assert.Equal(["epoch:1:1", "epoch:1:3"], (await _webhooks.WaitingAsync("a", "1", 10, Deadline)).Select(one => one.EventId));
        Assert.True(await _webhooks.RemoveAsync("a", Deadline));
        Assert.Empty(await _webhooks.WaitingAsync("a", "1", 10, Deadline));
    }

    [Fact]
    public async Task Too_much_that_waits_for_one_that_fails_disables_it()
    {
        await _webhooks.PutAsync(Endpoint("a"), Deadline);
        await FollowAsync("epoch", ("1", 1), ("1", 2), ("1", 3), ("1", 4));
        Assert.Null((await _webhooks.FindAsync("a", Deadline))!.DisabledAt);

        await _webhooks.FailedAsync("a", "1", (await _webhooks.WaitingAsync("a", "1", 1, Deadline))[0], _time.GetUtcNow(), "no", Deadline);
        await FollowAsync("epoch", ("1", 5));

        Assert.Equal("too much waits for it", (await _webhooks.FindAsync("a", Deadline))!.Error);
        Assert.Equal(4, (await _webhooks.WaitingAsync("a", "1", 10, Deadline)).Count);
    }

    [Fact]
    public async Task What_is_given_up_is_in_the_error_queue()
    {
        await _webhooks.PutAsync(Endpoint("a"), Deadline);
        await FollowAsync("epoch", ("1", 1), ("1", 2));

        await _webhooks.GiveUpAsync("a", "1", (await _webhooks.WaitingAsync("a", "1", 1, Deadline))[0], "no", Deadline);

        Assert.Equal("epoch:1:2", Assert.Single(await _webhooks.WaitingAsync("a", "1", 10, Deadline)).EventId);
        var failed = Assert.Single(await new JobStore(_store, _time).ListFailedAsync("webhook", null, 10, Deadline));
        Assert.Equal(("webhook:a:epoch:1:1", "no"), (failed.Key, failed.Error));
    }

    [Fact]
    public async Task Configured_ones_are_those_of_the_configuration()
    {
        await _webhooks.PutAsync(Endpoint("added"), Deadline);
        _options.Endpoints.Add(Endpoint("a"));
        _options.Endpoints.Add(Endpoint("b"));
        await _webhooks.ConfigureAsync(Deadline);
        _options.Endpoints.RemoveAt(0);
        await _webhooks.ConfigureAsync(Deadline);

        Assert.Equal(["added False", "b True"], (await _webhooks.ListAsync(Deadline)).Select(webhook => $"{webhook.Id} {webhook.IsConfigured}"));
    }

    [Fact]
    public async Task Only_what_is_new_is_told_of_a_store_that_went_back()
    {
        await _webhooks.PutAsync(Endpoint("a"), Deadline);
        var before = _time.GetUtcNow();
        await FollowAsync("epoch", ("1", 1));
        _time.Advance(TimeSpan.FromHours(1));

        await FollowAsync("newer", before, ("1", 1));
        await FollowAsync("newer", ("1", 2));

        Assert.Equal(["epoch:1:1", "newer:1:2"], (await _webhooks.WaitingAsync("a", "1", 10, Deadline)).Select(one => one.EventId));
    }

    private static WebhookEndpoint Endpoint(string id) => new() { Id = id, Url = "https://example.org/hook", Secret = "0123456789abcdef" };

    private Task FollowAsync(string epoch, params (string RoomId, long Seq)[] entries) => FollowAsync(epoch, _time.GetUtcNow(), entries);

    private async Task FollowAsync(string epoch, DateTimeOffset createdAt, params (string RoomId, long Seq)[] entries)
    {
        var to = new FeedMark(epoch, 1, _mark.Flush + 1, entries.Length);
        var followed = entries.Select(entry => new FollowedEntry
        {
            RoomId = entry.RoomId,
            Event = new RoomEvent { Seq = entry.Seq, CreatedAtMs = createdAt.ToUnixTimeMilliseconds(), UserId = "ana", Message = new MessageCreated { MessageId = "m" } },
        });
        var outcomes = await _follower.HandleAsync([new FeedBatch(0, _mark, to, [.. followed])], Deadline);
        Assert.NotEqual([FeedOutcome.Lost], outcomes);
        _mark = outcomes is [FeedOutcome.Stored] ? to : _mark; // Nobody wants it: the mark waits.
    }
}
