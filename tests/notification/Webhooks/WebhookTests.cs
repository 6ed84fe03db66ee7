using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage.Sql;
using Tertulia.Notifications.Tests.Support;
using Tertulia.Notifications.Webhooks;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests.Webhooks;

/// <summary>From an entry of the feed to a receiver that takes it, fails, hangs, redirects or is gone.</summary>
public sealed class WebhookTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private readonly Dictionary<string, long> _seqs = [];
    private WebhookReceiver _receiver = null!;
    private TestService _service = null!;
    private FeedMark _mark = FeedMark.Start;
    private string _epoch = "epoch";

    public async Task InitializeAsync()
    {
        _receiver = await WebhookReceiver.StartAsync();
        _service = await TestService.StartAsync(services => services.AddSingleton<TimeProvider>(_time), settings: "Egress:Timeout=00:00:02");
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task What_happens_in_a_room_is_told_in_order_signed_and_once()
    {
        await PutAsync("a");

        await FollowAsync(
            Entry("1", entry => entry.Member = new MemberChanged { UserId = "bruno", Username = "Bruno", Role = "member", Members = 2, Action = MemberAction.Add }),
            Message("1", "Hola"),
            Entry("1", entry => entry.Edited = new MessageEdited { MessageId = "m2", MessageSeq = 2, AuthorId = "ana", Content = "Hola!", Version = 2 }),
            Entry("1", entry => entry.Deleted = new MessageDeleted { MessageId = "m2", MessageSeq = 2, AuthorId = "ana" }),
            Entry("1", entry => entry.Member = new MemberChanged { UserId = "bruno", Members = 1, Action = MemberAction.Kick, Reason = "spam" }),
            Entry("1", entry => entry.Reaction = new ReactionChanged { MessageId = "m2" }),
            Entry("1", entry => entry.Member = new MemberChanged { UserId = "ana", Role = "owner", Members = 1, Action = MemberAction.SetRole }));

        await TakenAsync(6);
        Assert.Equal(
            ["member.added", "message.created", "message.changed", "message.deleted", "member.removed", "member.changed"],
            _receiver.Taken.Select(one => one.GetProperty("type").GetString()));
        Assert.Equal(
            """{"id":"epoch:1:2","type":"message.created","timestamp":"2026-11-27T08:00:00.000Z","data":{"room_id":"1","seq":2,"message_id":"m2","user_id":"ana","username":"Ana","content":"Hola"}}""",
            _receiver.Taken[1].GetRawText());
        Assert.Equal(
            """{"room_id":"1","seq":5,"user_id":"bruno","action":"kick","by":"ana","reason":"spam","members":1}""", _receiver.Taken[4].GetProperty("data").GetRawText());
        await IdleAsync();
        Assert.Equal(6, _receiver.Requests);
    }

    [Fact]
    public async Task Each_webhook_is_told_what_it_wants_from_when_it_was_added()
    {
        await FollowAsync(Message("team-1", "before"));
        _time.Advance(TimeSpan.FromSeconds(1));
        await PutAsync("a", events: ["message.created"], rooms: ["team-*", "other"]);

        await FollowAsync(
            Message("team-1", "one"), Message("elsewhere", "no"), Message("other", "two"), Message("other-2", "no"),
            Entry("other", entry => entry.Deleted = new MessageDeleted { MessageId = "m" }));

        await TakenAsync(2);
        await IdleAsync();
        Assert.Equal(["one"], _receiver.Contents("team-1"));
        Assert.Equal(["two"], _receiver.Contents("other"));
        Assert.Equal(2, _receiver.Requests);
    }

    [Fact]
    public async Task What_fails_is_told_again_with_pauses_and_its_room_waits_for_it_while_others_go_on()
    {
        await PutAsync("a");
        var failures = 3;
        _receiver.Answer = (_, one) => Task.FromResult(ContentOf(one) == "first" && Interlocked.Decrement(ref failures) >= 0 ? 500 : 0);

        await FollowAsync(Message("1", "first"), Message("1", "second"), Message("2", "other"));
        await Eventually.HoldsAsync(() => _receiver.Contents("2") is ["other"], "the other room goes on");
        Assert.Empty(_receiver.Contents("1"));
        await AdvanceUntilAsync(() => _receiver.Contents("1").Length == 2);

        Assert.Equal(["first", "second"], _receiver.Contents("1"));
        await IdleAsync();
        Assert.Equal(6, _receiver.Requests);
    }

    [Fact]
    public async Task A_thousand_events_of_five_rooms_with_failures_stay_in_order_in_each_room()
    {
        await PutAsync("a");
        var random = new Random(5);
        _receiver.Answer = (_, _) =>
        {
            lock (random)
            {
                return Task.FromResult(random.Next(20) == 0 ? 503 : 0);
            }
        };

        for (var batch = 0; batch < 10; batch++)
        {
            await FollowAsync([.. Enumerable.Range(0, 100).Select(number => Message($"{number % 5}", $"{(batch * 20) + (number / 5)}"))]);
        }

        await AdvanceUntilAsync(() => _receiver.Taken.Count == 1_000);
        for (var room = 0; room < 5; room++)
        {
            Assert.Equal(Enumerable.Range(0, 200).Select(number => $"{number}"), _receiver.Contents($"{room}"));
        }
    }

    [Fact]
    public async Task A_receiver_that_hangs_or_redirects_has_not_taken_it()
    {
        await PutAsync("a");
        _receiver.Answer = async (context, one) =>
        {
            if (ContentOf(one) == "redirected")
            {
                context.Response.Headers.Location = "/hook";
                return 307;
            }

            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
            return 0;
        };

        await FollowAsync(Message("1", "redirected"), Message("2", "hangs"));

        await Eventually.EqualsAsync(2L, () => CountAsync("notification_webhook_events where attempts = 1"));
        Assert.Equal(2, _receiver.Requests);
        Assert.Empty(_receiver.Taken);
    }

    [Fact]
    public async Task A_webhook_that_fails_for_days_is_disabled_and_goes_on_where_it_was_when_it_is_enabled()
    {
        await PutAsync("a");
        _receiver.Answer = (_, _) => Task.FromResult(500);
        await FollowAsync(Message("1", "first"), Message("1", "second"));

        await AdvanceUntilAsync(() => ItemAsync().GetAwaiter().GetResult().DisabledAt is not null, TimeSpan.FromMinutes(20));
        var disabled = await ItemAsync();
        Assert.Equal("answered 500", disabled.Error);
        Assert.InRange(disabled.DisabledAt!.Value - disabled.FailingSince!.Value, TimeSpan.FromDays(3), TimeSpan.FromDays(3.2));
        await FollowAsync(Message("1", "meanwhile"));
        await IdleAsync();
        _receiver.Answer = (_, _) => Task.FromResult(0);
        using var enabled = await _service.Admin.PostAsync(new Uri("/admin/webhooks/a/enable", UriKind.Relative), null);
        await FollowAsync(Message("1", "after"));

        await AdvanceUntilAsync(() => _receiver.Taken.Count == 3);
        Assert.Equal(["first", "second", "after"], _receiver.Contents("1"));
        Assert.Null((await ItemAsync()).DisabledAt);
    }

    [Fact]
    public async Task A_receiver_that_is_gone_disables_its_webhook()
    {
        await PutAsync("a");
        _receiver.Answer = (_, _) => Task.FromResult(410);

        await FollowAsync(Message("1", "Hola"));

        await Eventually.EqualsAsync(true, async () => (await ItemAsync()).DisabledAt is not null);
    }

    [Fact]
    public async Task An_event_that_is_never_taken_while_others_are_goes_to_the_error_queue_and_can_be_replayed()
    {
        await PutAsync("a");
        _receiver.Answer = (_, one) => Task.FromResult(ContentOf(one) == "poison" ? 400 : 0);
        await FollowAsync(Message("1", "poison"), Message("1", "after"));
        await Eventually.EqualsAsync(1L, () => CountAsync("notification_webhook_events where attempts = 1"));

        for (var hour = 0; _receiver.Contents("1").Length == 0 && hour < 40; hour++)
        {
            await FollowAsync(Message("2", $"{hour}"));
            await AdvanceUntilAsync(() => _receiver.Contents("2").Length == hour + 1);
            await Eventually.EqualsAsync(0L, () => CountAsync("notification_jobs where leased_until_ms > 0 and kind <> 'audit'")); // Else it is taken for lost, and given out again.
            _time.Advance(TimeSpan.FromHours(1));
        }

        await AdvanceUntilAsync(() => _receiver.Contents("1") is ["after"]);
        var failed = await _service.Admin.GetFromJsonAsync<FailedJobPage>("/admin/jobs/failed?kind=webhook");
        Assert.Equal(("webhook:a:epoch:1:1", "answered 400"), (failed!.Items.Single().Key, failed.Items.Single().Error));
        _receiver.Answer = (_, _) => Task.FromResult(0);
        await _service.Admin.PostAsync(new Uri("/admin/jobs/failed/replay", UriKind.Relative), null);
        await Eventually.HoldsAsync(() => _receiver.Contents("1") is ["after", "poison"], "it is told after all");
    }

    [Fact]
    public async Task What_no_webhook_wants_is_passed_by_without_a_write()
    {
        var follower = _service.Get<WebhookFollower>();
        FeedMark first = new("epoch", 1, 1, 1), second = first with { Flush = 2 };
        Assert.Equal([FeedOutcome.Stored], await follower.HandleAsync([new FeedBatch(0, FeedMark.Start, first, [])], CancellationToken.None));

        var nobody = await follower.HandleAsync([new FeedBatch(0, first, second, [Message("1", "Hola")])], CancellationToken.None);
        await PutAsync("a");
        var wanted = await follower.HandleAsync([new FeedBatch(0, first, second, [Message("1", "Hola")])], CancellationToken.None);

        Assert.Equal([FeedOutcome.Nothing], nobody);
        Assert.Equal([FeedOutcome.Stored], wanted);
        await TakenAsync(1);
    }

    [Fact]
    public async Task Two_followers_of_a_partition_add_an_event_once()
    {
        await PutAsync("a");
        var follower = _service.Get<WebhookFollower>();
        var batch = new FeedBatch(0, FeedMark.Start, new FeedMark("epoch", 1, 1, 1), [Message("1", "Hola")]);

        var moved = await Task.WhenAll(follower.HandleAsync([batch], CancellationToken.None), follower.HandleAsync([batch], CancellationToken.None));

        Assert.Equal([FeedOutcome.Lost, FeedOutcome.Stored], moved.Select(outcomes => outcomes[0]).Order());
        await TakenAsync(1);
        await IdleAsync();
        Assert.Equal(1, _receiver.Requests);
    }

    [Fact]
    public async Task What_was_told_before_a_store_went_back_is_not_told_again()
    {
        await PutAsync("a");
        var old = Message("1", "old");
        await FollowAsync(old);
        await TakenAsync(1);
        _time.Advance(TimeSpan.FromHours(1));

        _epoch = "newer";
        await FollowAsync(old, Message("1", "new"));

        await TakenAsync(2);
        await IdleAsync();
        Assert.Equal(["old", "new"], _receiver.Contents("1"));
    }

    [Fact]
    public async Task An_internal_address_is_refused_when_it_is_named_and_when_it_is_reached()
    {
        await using var strict = await TestService.StartAsync(
            services => services.AddSingleton<TimeProvider>(_time), settings: "Egress:AllowedNetworks:0=10.0.0.0/8");
        var named = new WebhookRequest($"http://localhost:{_receiver.Url.Port}/hook", WebhookReceiver.Secret, null, null);

        using var refused = await strict.Admin.PutAsJsonAsync("/admin/webhooks/number", named with { Url = _receiver.Url.OriginalString });
        using var taken = await strict.Admin.PutAsJsonAsync("/admin/webhooks/name", named);
        await strict.Get<WebhookFollower>().HandleAsync(
            [new FeedBatch(0, FeedMark.Start, new FeedMark("epoch", 1, 1, 1), [Message("1", "Hola")])], CancellationToken.None);

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.NoContent), (refused.StatusCode, taken.StatusCode));
        await Eventually.EqualsAsync(
            "the address is internal, or there is none", async () => (await strict.Admin.GetFromJsonAsync<WebhookItem[]>("/admin/webhooks"))!.Single().Error);
        Assert.Equal(0, _receiver.Requests);
    }

    [Fact]
    public async Task Webhooks_are_configured_or_added_by_operators_and_their_secrets_are_not_shown()
    {
        string[] configured =
        [
            "Webhooks:Endpoints:0:Id=fixed", $"Webhooks:Endpoints:0:Url={_receiver.Url}", $"Webhooks:Endpoints:0:Secret={WebhookReceiver.Secret}",
            "Webhooks:Endpoints:0:Events:0=message.created",
        ];
        await using var service = await TestService.StartAsync(services => services.AddSingleton<TimeProvider>(_time), settings: configured);
        await Eventually.EqualsAsync(1, async () => (await service.Admin.GetFromJsonAsync<WebhookItem[]>("/admin/webhooks"))!.Length);
        var request = new WebhookRequest(_receiver.Url.OriginalString, WebhookReceiver.Secret, ["member.added"], ["1"]);

        using var mine = await service.Admin.PutAsJsonAsync("/admin/webhooks/mine", request);
        using var fixedOne = await service.Admin.PutAsJsonAsync("/admin/webhooks/fixed", request);
        using var unknown = await service.Admin.PutAsJsonAsync("/admin/webhooks/x", request with { Events = ["nothing"] });
        using var noEvent = await service.Admin.PutAsJsonAsync("/admin/webhooks/x", request with { Events = [null!] });
        using var noRoom = await service.Admin.PutAsJsonAsync("/admin/webhooks/x", request with { Rooms = [null!] });
        using var weak = await service.Admin.PutAsJsonAsync("/admin/webhooks/x", request with { Secret = "short" });
        using var stranger = await service.Http.GetAsync(new Uri("/admin/webhooks", UriKind.Relative));

        Assert.Equal(
            [HttpStatusCode.NoContent, .. Enumerable.Repeat(HttpStatusCode.BadRequest, 5), HttpStatusCode.Unauthorized],
            new[] { mine, fixedOne, unknown, noEvent, noRoom, weak, stranger }.Select(answer => answer.StatusCode));
        var listed = await service.Admin.GetStringAsync("/admin/webhooks");
        Assert.DoesNotContain(WebhookReceiver.Secret, listed, StringComparison.Ordinal);
        Assert.Equal(["fixed", "mine"], JsonDocument.Parse(listed).RootElement.EnumerateArray().Select(one => one.GetProperty("id").GetString()));
        using var deleted = await service.Admin.DeleteAsync(new Uri("/admin/webhooks/mine", UriKind.Relative));
        using var again = await service.Admin.DeleteAsync(new Uri("/admin/webhooks/mine", UriKind.Relative));
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (deleted.StatusCode, again.StatusCode));
        await Assert.ThrowsAsync<OptionsValidationException>(() => TestService.StartAsync(settings: configured[..2]));
    }

    private static string? ContentOf(JsonElement one) => one.GetProperty("data").TryGetProperty("content", out var content) ? content.GetString() : null;

    private async Task PutAsync(string id, string[]? events = null, string[]? rooms = null)
    {
        using var answer = await _service.Admin.PutAsJsonAsync(
            $"/admin/webhooks/{id}", new WebhookRequest(_receiver.Url.OriginalString, WebhookReceiver.Secret, events, rooms));
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private FollowedEntry Message(string roomId, string content) => Entry(
        roomId, entry => entry.Message = new MessageCreated { MessageId = $"m{entry.Seq}", Content = content });

    private FollowedEntry Entry(string roomId, Action<RoomEvent> fill)
    {
        var seq = _seqs[roomId] = _seqs.GetValueOrDefault(roomId) + 1;
        var entry = new RoomEvent { Seq = seq, CreatedAtMs = _time.GetUtcNow().ToUnixTimeMilliseconds(), UserId = "ana", Username = "Ana" };
        fill(entry);
        return new FollowedEntry { RoomId = roomId, Event = entry };
    }

    private async Task FollowAsync(params FollowedEntry[] entries)
    {
        var to = new FeedMark(_epoch, 1, _mark.Flush + 1, entries.Length);
        var outcomes = await _service.Get<WebhookFollower>().HandleAsync([new FeedBatch(0, _mark, to, entries)], CancellationToken.None);
        _mark = outcomes is [FeedOutcome.Stored] ? to : _mark; // Nobody wants it: the mark waits.
    }

    private async Task<WebhookItem> ItemAsync() => Assert.Single((await _service.Admin.GetFromJsonAsync<WebhookItem[]>("/admin/webhooks"))!);

    private Task TakenAsync(int count) => Eventually.HoldsAsync(
        () => _receiver.Taken.Count == count, $"{count} events are taken", () => $"{_receiver.Taken.Count} were, of {_receiver.Requests} requests");

    private Task AdvanceUntilAsync(Func<bool> condition, TimeSpan? step = null) => Eventually.HoldsAsync(
        () =>
        {
            if (condition())
            {
                return true;
            }

            _time.Advance(step ?? TimeSpan.FromSeconds(1));
            return false;
        },
        "time passes until it holds",
        () => $"{_receiver.Taken.Count} taken, of {_receiver.Requests} requests",
        TimeSpan.FromSeconds(60));

    private Task IdleAsync() => Eventually.EqualsAsync(0L, () => CountAsync("notification_jobs where failed_at_ms is null and kind <> 'audit'"));

    private Task<long> CountAsync(string of) => _service.Sql.ReadSqlAsync(
        async command => (long)(await command.With($"select count(*) from {of}").ExecuteScalarAsync(CancellationToken.None))!, CancellationToken.None);
}
