using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What reaches users and other systems outside of the sockets: real processes, a real broker, a push service and a receiver on the loopback address.
/// Every test ends with the push service's check that no push showed nothing: one like Apple's would have ended the subscription.</summary>
public abstract class PushAndWebhookTests : IAsyncLifetime
{
    private readonly string _id = Guid.NewGuid().ToString("N")[..12];
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private Operator _operator = null!;

    private protected abstract Uri Here { get; }

    private protected abstract Uri There { get; }

    private protected abstract Uri Admin { get; }

    private protected PushEndpoint Pushes { get; private set; } = null!;

    private protected WebhookReceiver Receiver { get; private set; } = null!;

    private protected Operator Operator => _operator;

    public async Task InitializeAsync()
    {
        Pushes = await PushEndpoint.StartAsync();
        Receiver = await WebhookReceiver.StartAsync();
        _operator = new Operator(Admin);
    }

    public async Task DisposeAsync()
    {
        await _operator.RemoveAsync();
        _operator.Dispose();
        _http.Dispose();
        await Receiver.DisposeAsync();
        await Pushes.DisposeAsync();
    }

    [Fact]
    public async Task A_mention_is_pushed_to_each_device_unless_a_focused_one_shows_the_room()
    {
        await using var bruno = await ChatClient.JoinAsync(Here, Named("lobby"), Named("bruno"));
        await using var ana = await ChatClient.JoinAsync(There, Named("lobby"), Named("ana"));
        await using var other = await ChatClient.JoinAsync(Here, Named("other"), Named("bruno"));
        await (await ChatClient.JoinAsync(There, Named("other"), Named("ana"))).DisposeAsync();
        await SubscribeAsync("ana", "phone");
        await SubscribeAsync("ana", "laptop");

        await bruno.SayAsync($"hola @{Named("ana")}");
        await ReceivedAsync("ana", 2);
        Assert.All(Of("ana"), push => Assert.Equal(($"hola @{Named("ana")}", $"room:{Named("lobby")}", 1), (push.Body, push.Tag, push.Count)));
        Assert.Equal(2, Of("ana").Select(push => push.Device).Distinct(StringComparer.Ordinal).Count());

        await ana.AskAsync($"\"type\":\"focus\",\"room_id\":\"{Named("lobby")}\"");
        await bruno.SayAsync($"seen @{Named("ana")}");
        await other.SayAsync($"not seen @{Named("ana")}");
        await ReceivedAsync("ana", 4);
        Assert.All(Of("ana").Skip(2), push => Assert.Equal(($"not seen @{Named("ana")}", $"room:{Named("other")}", 1), (push.Body, push.Tag, push.Count)));
    }

    [Fact]
    public async Task A_webhook_is_told_in_order_what_happens_and_who_is_there()
    {
        await Operator.AddWebhookAsync(Receiver, [], Named("team"));
        var failures = 1;
        Receiver.Answer = (_, one) =>
        {
            var isSecond = one.GetProperty("data").TryGetProperty("content", out var content) && content.GetString() == "m2";
            return Task.FromResult(isSecond && Interlocked.Decrement(ref failures) >= 0 ? 500 : 0);
        };
        await using (var bruno = await ChatClient.JoinAsync(Here, Named("team"), Named("bruno")))
        {
            for (var number = 1; number <= 5; number++)
            {
                await bruno.SayAsync($"m{number}");
            }

            await Eventually.HoldsAsync(() => Told("room.occupied") == 1 && Told("message.created") == 5, "all is told", Types);
        }

        await Eventually.HoldsAsync(() => Told("room.vacated") == 1, "the room is empty", Types);
        Assert.Equal(
            ["m1", "m2", "m3", "m4", "m5"],
            Receiver.Taken.Where(one => one.GetProperty("type").GetString() == "message.created")
                .Select(one => one.GetProperty("data").GetProperty("content").GetString()));
        Assert.Equal(-1, failures);
        Assert.Equal(Receiver.Taken.Count + 1, Receiver.Requests);

        int Told(string type) => Receiver.Taken.Count(one => one.GetProperty("type").GetString() == type);
        string Types() => string.Join(' ', Receiver.Taken.Select(one => one.GetProperty("type").GetString()));
    }

    private protected string Named(string name) => $"{name}-{_id}";

    private protected async Task SubscribeAsync(string user, string device)
    {
        var browser = Pushes.NewBrowser(Named(user), device);
        using var answer = await _http.PutAsJsonAsync(
            new Uri(There, $"/api/v1/push/subscriptions?user_id={Named(user)}"),
            new { device_id = device, endpoint = browser.Endpoint, keys = new { p256dh = browser.Key, auth = browser.Auth } });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>The pushes that a user's devices got.</summary>
    private protected ReceivedPush[] Of(string user) =>
        [.. Pushes.Received.Where(push => push.Device.StartsWith($"{Named(user)}.", StringComparison.Ordinal))];

    private protected Task ReceivedAsync(string user, int count) => Eventually.HoldsAsync(
        () => Of(user).Length == count, $"{count} pushes arrive", () => string.Join(" | ", Of(user).Select(push => push.Body)));

    /// <summary>What the receiver was told, in order: of this test's rooms and users.</summary>
    private protected IEnumerable<(string Id, string Name, bool IsPresent)> Told() =>
        from one in Receiver.Taken
        let data = one.GetProperty("data")
        let name = (data.TryGetProperty("room_id", out var room) ? room : data.GetProperty("user_id")).GetString()!
        where name.EndsWith(Named("")[1..], StringComparison.Ordinal)
        select (one.GetProperty("id").GetString()!, name[..name.LastIndexOf('-')], one.GetProperty("type").GetString() is "room.occupied" or "user.online");

    /// <summary>Waits until the receiver was told this: <c>a+ b-</c>.</summary>
    private protected Task KnowsAsync(string expected) => Eventually.HoldsAsync(
        () => Known() == string.Join(' ', expected.Split(' ').Order(StringComparer.Ordinal)), $"the receiver knows {expected}", Known, TimeSpan.FromMinutes(2));

    private string Known() => string.Join(
        ' ', Told().GroupBy(one => one.Name).Select(one => $"{one.Key}{(one.Last().IsPresent ? '+' : '-')}").Order(StringComparer.Ordinal));
}

/// <summary>In one process.</summary>
public sealed class AllInOnePushAndWebhookTests(AllInOneFixture fixture) : PushAndWebhookTests, IClassFixture<AllInOneFixture>
{
    private protected override Uri Here => fixture.Product.Url;

    private protected override Uri There => fixture.Product.Url;

    private protected override Uri Admin => fixture.Product.Url;

    [Fact]
    public async Task What_a_webhook_was_told_last_is_the_truth_after_the_process_was_killed()
    {
        await Operator.AddWebhookAsync(Receiver, ["room.occupied", "room.vacated"], $"{Named("a")}*", $"{Named("b")}*");
        await using var ana = await ChatClient.JoinAsync(Here, Named("a"), Named("ana"));
        await using var bruno = await ChatClient.JoinAsync(Here, Named("b"), Named("bruno"));
        await KnowsAsync("a+ b+");

        await fixture.Product.Process.KillAsync();
        await fixture.RestartAsync();
        await using var brunoAgain = await ChatClient.JoinAsync(Here, Named("b"), Named("bruno"));

        await KnowsAsync("a- b+");
    }
}

/// <summary>On a cluster.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ClusterPushAndWebhookTests(FaultCluster fixture) : PushAndWebhookTests
{
    private protected override Uri Here => fixture.Cluster.NodeUrls[0];

    private protected override Uri There => fixture.Cluster.NodeUrls[1];

    private protected override Uri Admin => fixture.Cluster.Notifications[0].Url;

    [Fact]
    public async Task A_push_service_that_is_busy_is_asked_again_one_that_refuses_fills_the_error_queue_and_what_is_gone_is_removed()
    {
        await using var bruno = await ChatClient.JoinAsync(Here, Named("lobby"), Named("bruno"));
        foreach (var user in (string[])["carla", "dora"])
        {
            await (await ChatClient.JoinAsync(There, Named("lobby"), Named(user))).DisposeAsync();
            await SubscribeAsync(user, "phone");
        }

        await SubscribeAsync("carla", "laptop");
        var asked = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var refuses = true;
        Pushes.Instead = async context =>
        {
            var device = context.Request.Path.Value!.Split('/')[^1];
            device = device[..device.LastIndexOf('.')];
            asked.Enqueue(device);
            var isFirst = asked.Count(one => one == device) == 1;
            var status = device == $"{Named("carla")}.phone" && isFirst ? StatusCodes.Status500InternalServerError
                : device == $"{Named("carla")}.laptop" ? StatusCodes.Status410Gone
                : device == $"{Named("dora")}.phone" && refuses ? StatusCodes.Status403Forbidden
                : 0;
            if (status != 0)
            {
                context.Response.StatusCode = status;
                await context.Response.CompleteAsync();
            }

            return status != 0;
        };

        await bruno.SayAsync($"@{Named("carla")} @{Named("dora")}");
        await ReceivedAsync("carla", 1);
        var key = "";
        await Eventually.EqualsAsync("the push service did not take it: 403", async () =>
        {
            (key, var error) = (await Operator.FailedAsync()).FirstOrDefault(job => job.Key.Contains(Named("dora"), StringComparison.Ordinal));
            return error;
        });
        refuses = false;
        Assert.Equal(1, await Operator.ReplayAsync(key));
        await ReceivedAsync("dora", 1);
        await bruno.SayAsync($"again @{Named("carla")}");
        await ReceivedAsync("carla", 2);

        Assert.Equal($"again @{Named("carla")}", Of("carla")[1].Body);
        Assert.Equal(3, asked.Count(device => device == $"{Named("carla")}.phone"));
        Assert.Single(asked, device => device == $"{Named("carla")}.laptop");
        Assert.DoesNotContain(await Operator.FailedAsync(), job => job.Key == key);
    }

    [Fact]
    public async Task Two_hundred_messages_at_once_to_one_user_are_two_pushes_at_most()
    {
        await using var bruno = await ChatClient.JoinAsync(Here, Named("lobby"), Named("bruno"));
        await (await ChatClient.JoinAsync(There, Named("lobby"), Named("eva"))).DisposeAsync();
        await SubscribeAsync("eva", "phone");

        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (var number = 1; number <= 200; number++)
        {
            await bruno.SendAsync($$"""{"type":"message","content":"@{{Named("eva")}} {{number}}"}""");
        }

        await Eventually.HoldsAsync(
            () => Of("eva").Sum(push => push.Count) >= 200, "all are told", () => string.Join(' ', Of("eva").Select(push => push.Count)));
        Assert.Equal(200, Of("eva").Sum(push => push.Count));
        Assert.InRange(Of("eva").Length, 1, 1 + (int)(watch.Elapsed / TimeSpan.FromSeconds(5))); // Two, unless this machine takes longer for them.
        Assert.Equal($"@{Named("eva")} 200", Of("eva")[^1].Body);
    }

    [Fact]
    public async Task What_a_webhook_was_told_last_of_rooms_and_users_is_the_truth_whatever_was_killed()
    {
        await Operator.AddWebhookAsync(Receiver, ["room.occupied", "room.vacated"], $"{Named("a")}*", $"{Named("b")}*", $"{Named("c")}*");
        await Operator.AddWebhookAsync(Receiver, ["user.online", "user.offline"]);
        var ana = await ChatClient.JoinAsync(Here, Named("a"), Named("ana"));
        var bruno = await ChatClient.JoinAsync(There, Named("b"), Named("bruno"));
        await KnowsAsync("a+ b+ ana+ bruno+");

        await fixture.Cluster.Notifications[0].KillAsync();
        await ana.CloseAsync();
        await using var carla = await ChatClient.JoinAsync(Here, Named("c"), Named("carla"));
        await fixture.RestartAsync(fixture.Cluster.Notifications[0]);
        await KnowsAsync("a- b+ c+ ana- bruno+ carla+");

        await Task.WhenAll(fixture.Cluster.Presences.Select(presence => presence.KillAsync()));
        await bruno.CloseAsync();
        await using var anaAgain = await ChatClient.JoinAsync(There, Named("a"), Named("ana"));
        await fixture.RestartAsync([.. fixture.Cluster.Presences]);
        await KnowsAsync("a+ b- c+ ana+ bruno- carla+");

        await ana.DisposeAsync();
        await bruno.DisposeAsync();
        foreach (var told in Told().GroupBy(one => one.Name))
        {
            var states = told.DistinctBy(one => one.Id).Select(one => one.IsPresent).ToArray(); // At least once: what came again has the same id.
            Assert.Equal(Enumerable.Range(0, states.Length).Select(number => number % 2 == 0), states);
        }
    }
}
