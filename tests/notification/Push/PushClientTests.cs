using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Notifications.Egress;
using Tertulia.Notifications.Push;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests.Push;

public sealed class PushClientTests : IAsyncLifetime
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromHours(4);
    private static readonly PushContent Content = new("room:1", "direct", "Ana", "Hola", "/rooms/1", "ding", "1", "n1", 7, 1, 1_764_230_400_000);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private PushEndpoint _endpoint = null!;

    public async Task InitializeAsync() => _endpoint = await PushEndpoint.StartAsync();

    public Task DisposeAsync() => _endpoint.DisposeAsync().AsTask();

    [Fact]
    public async Task A_push_is_signed_encrypted_and_says_how_long_how_urgent_and_what_it_replaces()
    {
        var outcome = await SendAsync(_endpoint.Subscribe("ana", "phone"), Content);

        Assert.Equal(PushVerdict.Sent, outcome.Verdict);
        var push = Assert.Single(_endpoint.Received);
        Assert.Equal(
            """{"id":"n1","useq":7,"kind":"direct","title":"Ana","body":"Hola","link":"/rooms/1","tag":"room:1","sound":"ding","room_id":"1","count":1,"created_at":"2025-11-27T08:00:00.000Z"}""",
            push.Payload.GetRawText());
        Assert.Equal("14400", push.Headers["TTL"]);
        Assert.Equal("high", push.Headers["Urgency"]);
        Assert.Equal(32, push.Headers["Topic"].Length);
        Assert.Equal("aes128gcm", push.Headers["Content-Encoding"]);
        Assert.DoesNotContain("traceparent", push.Headers.Keys);
    }

    [Fact]
    public async Task The_same_tag_is_the_same_topic()
    {
        var subscription = _endpoint.Subscribe("ana", "phone");

        await SendAsync(subscription, Content);
        await SendAsync(subscription, Content with { Body = "Other" });
        await SendAsync(subscription, Content with { Tag = "room:2" });

        var topics = _endpoint.Received.Select(push => push.Headers["Topic"]).ToArray();
        Assert.Equal(topics[0], topics[1]);
        Assert.NotEqual(topics[0], topics[2]);
    }

    [Fact]
    public async Task What_would_show_nothing_is_given_words_and_what_is_too_long_is_cut()
    {
        var subscription = _endpoint.Subscribe("ana", "phone");
        var emoji = string.Concat(Enumerable.Repeat("👩‍👩‍👧", 2_000));

        var empty = await SendAsync(subscription, Content with { Title = " ", Body = "" });
        var large = await SendAsync(subscription, Content with { Body = emoji });
        var larger = await SendAsync(subscription, Content with { Title = emoji, Body = new string('\u0001', 9_000), Link = new string('l', 5_000) });

        Assert.All([empty, large, larger], outcome => Assert.Equal(PushVerdict.Sent, outcome.Verdict));
        Assert.Equal(("New notification", "Open to see it"), (_endpoint.Received[0].Title, _endpoint.Received[0].Body));
        Assert.EndsWith("…", _endpoint.Received[1].Body, StringComparison.Ordinal);
        Assert.StartsWith(_endpoint.Received[1].Body[..^1], emoji, StringComparison.Ordinal);
        Assert.InRange(_endpoint.Received[1].Payload.GetRawText().Length, 1_000, 4_096);
    }

    [Theory]
    [InlineData(404, "Gone", null)]
    [InlineData(410, "Gone", null)]
    [InlineData(429, "Later", 17)]
    [InlineData(500, "Later", null)]
    [InlineData(503, "Later", 17)]
    [InlineData(400, "Refused", null)]
    [InlineData(403, "Refused", null)]
    [InlineData(413, "Refused", null)]
    public async Task Every_answer_has_a_meaning(int status, string verdict, int? seconds)
    {
        Answer(context =>
        {
            context.Response.StatusCode = status;
            if (seconds is { } wait)
            {
                context.Response.Headers.RetryAfter = wait.ToString(System.Globalization.CultureInfo.InvariantCulture);
            }
        });

        var outcome = await SendAsync(_endpoint.Subscribe("ana", "phone"), Content);

        Assert.Equal((verdict, seconds), (outcome.Verdict.ToString(), (int?)outcome.RetryAfter?.TotalSeconds));
    }

    [Fact]
    public async Task A_date_to_come_back_at_is_understood_and_a_far_one_is_a_day()
    {
        var date = _time.GetUtcNow().AddMinutes(3);
        Answer(context =>
        {
            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = date.ToString("R");
        });
        var subscription = _endpoint.Subscribe("ana", "phone");

        var soon = await SendAsync(subscription, Content);
        date = _time.GetUtcNow().AddYears(3);
        var far = await SendAsync(subscription, Content);

        Assert.Equal((TimeSpan.FromMinutes(3), TimeSpan.FromDays(1)), (soon.RetryAfter, far.RetryAfter));
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        Answer(context => context.Response.Redirect($"{_endpoint.Url}push/elsewhere", permanent: false, preserveMethod: true));

        var outcome = await SendAsync(_endpoint.Subscribe("ana", "phone"), Content);

        Assert.Equal((PushVerdict.Refused, 1), (outcome.Verdict, _endpoint.Requests));
    }

    [Fact]
    public async Task An_internal_address_is_refused_by_number_and_by_name()
    {
        var subscription = _endpoint.Subscribe("ana", "phone");
        var named = subscription with { Endpoint = subscription.Endpoint.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) };
        var rules = new EgressRules(Options.Create(new EgressOptions { AllowHttp = true }));

        var outcomes = new[] { await SendAsync(subscription, Content, rules), await SendAsync(named, Content, rules) };

        Assert.All(outcomes, outcome => Assert.Equal(PushVerdict.Refused, outcome.Verdict));
        Assert.Equal(0, _endpoint.Requests);
    }

    [Fact]
    public async Task A_service_that_is_not_there_or_hangs_is_tried_again_later()
    {
        var subscription = _endpoint.Subscribe("ana", "phone");
        var nowhere = subscription with { Endpoint = $"http://127.0.0.1:{Testing.FreePorts.Next()}/push/x" };
        var ended = new TaskCompletionSource();
        _endpoint.Instead = async context =>
        {
            await ended.Task.WaitAsync(context.RequestAborted);
            return true;
        };

        var outcomes = new[] { await SendAsync(nowhere, Content), await SendAsync(subscription, Content, Allowing(TimeSpan.FromSeconds(1))) };

        ended.SetResult();
        Assert.All(outcomes, outcome => Assert.Equal(PushVerdict.Later, outcome.Verdict));
    }

    private static EgressRules Allowing(TimeSpan? timeout = null) => new(Options.Create(new EgressOptions
    {
        AllowHttp = true,
        AllowedNetworks = { "127.0.0.0/8", "::1/128" },
        Timeout = timeout ?? TimeSpan.FromSeconds(30),
    }));

    private void Answer(Action<HttpContext> answer) => _endpoint.Instead = context =>
    {
        answer(context);
        return Task.FromResult(true);
    };

    private async Task<PushOutcome> SendAsync(PushSubscription subscription, PushContent content, EgressRules? rules = null)
    {
        using var tokens = new VapidTokens(VapidKeys.Generate(), null, _time);
        using var client = new PushClient(rules ?? Allowing(), _ => Task.FromResult(tokens), _time);
        return await client.SendAsync(subscription, content, TimeToLive, CancellationToken.None);
    }
}
