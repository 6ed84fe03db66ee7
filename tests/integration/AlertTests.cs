using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Tertulia.Chart.Tests;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Every alert of the chart fires within its time after the fault that it is for, and none fires without one: a real Prometheus reads real
/// processes, and its time runs sixty times as fast as in production (ADR 29).</summary>
/// <remarks>Ranges and <c>for</c> are a sixtieth, so five minutes are five seconds; a scrape each second is one each minute. What is no time of Prometheus
/// stays: the age of a command, how often a process looks at itself. So do the ranges of rules that fire at once: they say how long an alert lasts.</remarks>
[Trait(Needs.Trait, Needs.Helm)]
[Trait(Needs.Trait, Needs.Prometheus)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed partial class AlertTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Faster = 60;
    private const int SlowReaders = 3;
    private const int MostSlowReaders = 12;
    private const int Mentioned = 12;
    private const int Missed = 110; // 64 batches are handed out to a node that stands still, and two dozen more fill its queue.
    private static readonly TimeSpan ScrapeEvery = TimeSpan.FromMinutes(1) / Faster;

    // Until a process knows of a fault itself: checks run each 5 s with a deadline of 2, the error queue is counted each 10 s; and this machine is busy.
    private static readonly TimeSpan Allowance = TimeSpan.FromSeconds(30);

    private static readonly string Long = new('x', 12_000);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-{Guid.NewGuid():N}"[..24]);
    private readonly List<Func<Task>> _loads = [];
    private readonly List<IAsyncDisposable> _owned = [];
    private readonly HashSet<string> _fired = new(StringComparer.Ordinal);
    private readonly HashSet<string> _failures = new(StringComparer.Ordinal);
    private readonly CertificateAuthority _authority = new("of the alerts");
    private JsonNode[] _rules = [];
    private PrivateRabbitMq _broker = null!;
    private PrivatePostgres _store = null!;
    private ClusterProcesses _cluster = null!;
    private PrivatePrometheus _prometheus = null!;

    private string Public => Path.Combine(_folder, "public");

    private string Internal => Path.Combine(_folder, "internal");

    public async Task InitializeAsync()
    {
        using var start = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        Directory.CreateDirectory(_folder);
        var chart = Helm.RenderAsync("observability");
        var broker = PrivateRabbitMq.StartAsync(Path.Combine(_folder, "rabbitmq"), Path.Combine(_folder, "rabbitmq.log"), start.Token);
        _store = Owned(await PrivatePostgres.StartAsync(Path.Combine(_folder, "postgres"), Path.Combine(_folder, "postgres.log"), start.Token));
        _broker = Owned(await broker);
        MountCertificates(lastFor: TimeSpan.FromDays(90));
        _cluster = Owned(await ClusterProcesses.StartAsync(
            new ClusterLayout
            {
                Presences = 2,
                Broker = _broker.Uri,
                Store = _store.ConnectionString(),
                InternalTls = Internal,
                Environment = new Dictionary<string, string>
                {
                    ["Internal__Secret"] = Operator.Secret,
                    ["Limits__EventsPerMinute"] = "0",
                    ["Limits__ContentLength"] = "16000",
                    ["Bus__RabbitMq__NodeQueueBytes"] = "262144", // A node that stands still misses something soon.
                    ["Outbox__SoftLimitBytes"] = "393216", // Three slow readers can fill three quarters of the budget. There they get less, and none is closed.
                    ["Outbox__BudgetBytes"] = "1572864",
                    ["Outbox__StallTimeout"] = "00:05:00",
                    ["Egress__AllowHttp"] = "true",
                    ["Egress__AllowedNetworks__0"] = "127.0.0.0/8",
                    ["Push__CollapseWindow"] = "00:00:01",
                    ["Gateway__Limits__RequestsPerSecond"] = "20",
                    ["Gateway__Limits__RequestBurst"] = "20",
                    ["Gateway__Tls__Port"] = FreePorts.Next().ToString(CultureInfo.InvariantCulture),
                    ["Gateway__Tls__CertificatePath"] = Path.Combine(Public, "tls.crt"),
                    ["Gateway__Tls__KeyPath"] = Path.Combine(Public, "tls.key"),
                },
            },
            start.Token));
        var groups = Assert.Single((await chart).OfKind("PrometheusRule")).At("spec.groups")!.AsArray();
        _rules = [.. groups.Single()!["rules"]!.AsArray().Select(rule => AsFast(rule!))];
        _prometheus = Owned(await PrivatePrometheus.StartAsync(
            Path.Combine(_folder, "prometheus"), ScrapeEvery, Scraped(), "talk", Operator.Secret, new JsonArray([.. _rules.Select(rule => rule.DeepClone())]),
            start.Token));
    }

    public async Task DisposeAsync()
    {
        await Task.WhenAll(_loads.Select(end => end()));
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }

        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Each_alert_fires_within_its_time_after_its_fault_and_none_without_one()
    {
        var ana = Owned(await ChatClient.JoinAsync(_cluster.NodeUrls[0], "lobby", "ana"));
        await using var bruno = await ChatClient.JoinAsync(_cluster.NodeUrls[1], "lobby", "bruno"); // What comes to that node it misses later.
        await using var dora = await ChatClient.JoinAsync(_cluster.GatewayUrl, "lobby", "dora");
        Assert.Equal("joined", (await ana.AskAsync("\"type\":\"join\",\"room_id\":\"hooks\"")).Type);
        Assert.Equal("joined", (await bruno.AskAsync("\"type\":\"join\",\"room_id\":\"poison\"")).Type);
        Load(TimeSpan.FromMilliseconds(20), () => ana.SendAsync("""{"type":"message","room_id":"lobby","content":"hola"}"""));
        await AddOtherSystemsAsync();
        await IsTrueAsync("sum(rate(tertulia_messages_total[5s])) > 5");
        await IsTrueAsync("count(up == 1) == count(up)");
        await Eventually.EqualsAsync("", async () => string.Join(' ', (await _prometheus.FiringAsync()).Keys), every: ScrapeEvery / 4);

        await UsersAndOtherSystemsAsync(ana);
        await StoreAsync(ana, bruno);
        await BrokerAsync();

        Assert.Empty(_failures);
        Assert.Equal(_rules.Select(Name).Order(StringComparer.Ordinal), _fired.Order(StringComparer.Ordinal));
        await EverythingThatIsAskedForIsThereAsync();
    }

    /// <summary>Two webhooks and a push service that will take nothing, as soon as there is something for them.</summary>
    private async Task AddOtherSystemsAsync()
    {
        using var notification = new Operator(_cluster.Notifications[0].Url);
        using var http = new HttpClient();
        var gone = Owned(await WebhookReceiver.StartAsync());
        gone.Answer = (_, _) => Task.FromResult(StatusCodes.Status410Gone);
        var failing = Owned(await WebhookReceiver.StartAsync());
        failing.Answer = (_, _) => Task.FromResult(StatusCodes.Status500InternalServerError);
        await notification.AddWebhookAsync(gone, ["message.created"], "hooks");
        await notification.AddWebhookAsync(failing, ["message.created"], "hooks");
        var pushes = Owned(await PushEndpoint.StartAsync());
        pushes.Instead = RefuseAsync;
        await Task.WhenAll(Enumerable.Range(0, Mentioned).Select(number => SubscribeAsync($"carla{number}")));

        async Task SubscribeAsync(string user)
        {
            await (await ChatClient.JoinAsync(_cluster.NodeUrls[0], "hooks", user)).DisposeAsync();
            var browser = pushes.NewBrowser(user, "phone");
            using var subscribed = await http.PutAsJsonAsync(
                new Uri(_cluster.NodeUrls[0], $"/api/v1/push/subscriptions?user_id={user}"),
                new { device_id = "phone", endpoint = browser.Endpoint, keys = new { p256dh = browser.Key, auth = browser.Auth } });
            subscribed.EnsureSuccessStatusCode();
        }

        static async Task<bool> RefuseAsync(HttpContext context)
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            await context.Response.CompleteAsync();
            return true;
        }
    }

    /// <summary>Users are served, but: some read slowly or ask for what there is not, a process ends again and again, other systems take nothing, and the store
    /// is slow.</summary>
    private async Task UsersAndOtherSystemsAsync(ChatClient ana)
    {
        MountCertificates(lastFor: TimeSpan.FromDays(13));
        var mentions = 0;
        Load(TimeSpan.FromMilliseconds(500), () => ana.SendAsync(
            $$"""{"type":"message","room_id":"hooks","content":"hola @carla{{mentions++ % Mentioned}}"}"""));
        var restarts = RestartAsync(_cluster.Presences[1], times: 2);
        using var elsewhere = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectFromElsewhereAsync });
        var edits = Load(TimeSpan.FromMilliseconds(20), () => ana.SendAsync(
            """{"type":"message_edit","room_id":"lobby","message_id":"01900000-0000-7000-8000-000000000000","content":"x"}"""));
        var flood = Load(TimeSpan.FromMilliseconds(20), async () => (await elsewhere.GetAsync(new Uri(_cluster.GatewayUrl, "/api/nothing"))).Dispose());
        await FillOutboxesAsync(ana);
        await _store.ExecuteAsync(
            $"{SlowIs(seconds: 0.6)}; create trigger slow before insert on room_log for each statement execute function slow()", CancellationToken.None);

        await FireAsync(
            isServed: true, "TertuliaAppendsSlow", "TertuliaCertificateEnds", "TertuliaDeliveriesLate", "TertuliaErrorQueue", "TertuliaGatewayRefuses",
            "TertuliaInternalCertificateEnds", "TertuliaMessagesRefused", "TertuliaOutboxesNearBudget", "TertuliaPushFailing", "TertuliaSlowReaders",
            "TertuliaWebhookDisabled", "TertuliaWebhookFailing");
        await Task.WhenAll(edits(), flood());
        await _store.ExecuteAsync(SlowIs(seconds: 0), CancellationToken.None);
        await restarts;
        await FireAsync(isServed: true, "TertuliaRestarts");

        static string SlowIs(double seconds) => string.Create(CultureInfo.InvariantCulture, $"""
            create or replace function slow() returns trigger language plpgsql as $$ begin perform pg_sleep({seconds}); return null; end $$
            """);
    }

    /// <summary>Adds clients that do not read until what waits for them is near the budget; from then on they miss every message.</summary>
    /// <remarks>How many it takes depends on the others: while much waits for those, too, for a moment, a slow client is behind early, and gets no more.</remarks>
    private async Task FillOutboxesAsync(ChatClient ana)
    {
        var near = (string)_rules.Single(rule => Name(rule) == "TertuliaOutboxesNearBudget")["expr"]!;
        var large = Load(TimeSpan.FromMilliseconds(20), () => ana.SendAsync($$"""{"type":"message","room_id":"lobby","content":"{{Long}}"}"""));
        for (var number = 0; number < SlowReaders || !await BecomesTrueAsync(near, within: ScrapeEvery * 4); number++)
        {
            Assert.InRange(number, 0, MostSlowReaders);
            var options = new ChatClientOptions { ReceiveBufferBytes = 4096 };
            Owned(await ChatClient.JoinAsync(_cluster.NodeUrls[0], "lobby", $"slow-{number}", options)).PauseReading();
        }

        await large();
    }

    /// <summary>Something can never be written. Then a node has missed what happened, and there is no store to read it from.</summary>
    private async Task StoreAsync(ChatClient ana, ChatClient bruno)
    {
        await _store.ExecuteAsync("alter table room_log add constraint poison check (room_id <> 'poison') not valid", CancellationToken.None);
        var refused = await bruno.AskAsync("\"type\":\"message\",\"room_id\":\"poison\",\"content\":\"hola\"");
        Assert.Equal(("error", "50001"), (refused.Type, refused.Text("code"))); // internal
        await _cluster.Connections[1].FreezeAsync();
        for (var number = 0; number < Missed; number++)
        {
            await ana.SayAsync(Long, roomId: "lobby"); // One by one, as the broker drops whole batches, and hands some out before it does.
        }

        await _store.Process.KillAsync();
        await _cluster.Connections[1].ContinueAsync();

        await FireAsync(
            isServed: false, "TertuliaDeadLetters", "TertuliaStoreDown", "TertuliaCommandsUnanswered", "TertuliaGapsNotRepaired", "TertuliaFollowerBehind");
    }

    /// <summary>And then there is no broker either, and no pod of the notification service.</summary>
    private async Task BrokerAsync()
    {
        await _cluster.Notifications[0].KillAsync();
        await _prometheus.ForgetAsync("notification", CancellationToken.None);
        await _broker.Process.KillAsync();

        await FireAsync(
            isServed: false, "TertuliaBrokerDown", "TertuliaDown", "TertuliaMessagesFail", "TertuliaNoNodes", "TertuliaNotReady", "TertuliaPresenceSilent");
    }

    /// <summary>Waits until these alerts fire, each within its range, its <c>for</c>, two scrapes, and what the product needs to know of the fault.</summary>
    /// <param name="isServed">Users are: then no critical alert may fire.</param>
    /// <param name="expected">Their names.</param>
    private async Task FireAsync(bool isServed, params string[] expected)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        var missing = expected.ToHashSet(StringComparer.Ordinal);
        using var timer = new PeriodicTimer(ScrapeEvery / 4);
        while (missing.Count > 0)
        {
            await timer.WaitForNextTickAsync();
            foreach (var (name, labels) in await _prometheus.FiringAsync())
            {
                if (_fired.Add(name))
                {
                    output.WriteLine($"{name}: after {since.Elapsed.TotalSeconds:0.0} s of at most {Within(name).TotalSeconds:0.0}: {labels}");
                }

                missing.Remove(name);
                if (isServed && labels.Contains("\"critical\"", StringComparison.Ordinal))
                {
                    _failures.Add($"{name} fires although users are served: {labels}");
                }
            }

            foreach (var late in missing.Where(name => since.Elapsed > Within(name)).ToArray())
            {
                missing.Remove(late);
                _failures.Add($"{late} did not fire within {Within(late)}: {await SeenOfAsync(late)}");
            }
        }
    }

    /// <summary>What an alert that is late has asked for, as it was since the fault.</summary>
    private async Task<string> SeenOfAsync(string alert)
    {
        var names = MetricNames.In((string)_rules.Single(rule => Name(rule) == alert)["expr"]!).Distinct(StringComparer.Ordinal);
        return string.Join("; ", await Task.WhenAll(names.Select(name => _prometheus.RangeAsync(name, Within(alert), ScrapeEvery))));
    }

    private TimeSpan Within(string alert)
    {
        var rule = _rules.Single(rule => Name(rule) == alert);
        if ((string?)rule["for"] is not { } wait)
        {
            return (2 * ScrapeEvery) + Allowance; // It looks back so that it goes on for a while, and fires at once.
        }

        var range = Range().Matches((string)rule["expr"]!).Select(match => Seconds(match.Groups["seconds"].Value)).DefaultIfEmpty(TimeSpan.Zero).Max();
        return range + Seconds(wait.TrimEnd('s')) + (2 * ScrapeEvery) + Allowance;
    }

    private static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(int.Parse(text, CultureInfo.InvariantCulture));

    /// <summary>A rule whose minutes are seconds. One that fires at once looks back as far as ever. The lag of a follower is a time, too.</summary>
    private static JsonObject AsFast(JsonNode rule)
    {
        var fast = (JsonObject)rule.DeepClone();
        if ((string?)rule["for"] is { } wait)
        {
            fast["expr"] = Minutes().Replace(((string)rule["expr"]!).Replace(") > 60", ") > 8", StringComparison.Ordinal), "[${count}s]");
            fast["for"] = wait.Replace('m', 's');
        }

        return fast;
    }

    private static string Name(JsonNode rule) => (string)rule["alert"]!;

    private IEnumerable<ScrapedProcess> Scraped() =>
        from service in new[]
        {
            ("gateway", _cluster.Gateways), ("connection", _cluster.Connections), ("message", _cluster.Messages), ("presence", _cluster.Presences),
            ("notification", _cluster.Notifications),
        }
        from process in service.Item2
        select new ScrapedProcess(service.Item1, process.Name, process.Url);

    /// <summary>Every metric that an alert or a dashboard asks for was seen at these processes.</summary>
    private async Task EverythingThatIsAskedForIsThereAsync()
    {
        var dashboards = Directory.EnumerateFiles(Path.Combine(Helm.Chart, "dashboards"), "*.json")
            .SelectMany(file => JsonNode.Parse(File.ReadAllText(file))!["panels"]!.AsArray())
            .SelectMany(panel => panel!["targets"]?.AsArray() ?? [])
            .Select(target => (string)target!["expr"]!);
        var asked = _rules.Select(rule => (string)rule["expr"]!).Concat(dashboards).SelectMany(MetricNames.In).Distinct(StringComparer.Ordinal);
        var seen = await _prometheus.NamesAsync();

        Assert.Equal([], asked.Where(name => !seen.Contains(name) && !MetricNames.OfRabbitMq.Contains(name)).Order(StringComparer.Ordinal));
    }

    /// <returns>Ends it before the test does.</returns>
    private Func<Task> Load(TimeSpan every, Func<Task> send)
    {
        var ending = new CancellationTokenSource();
        var load = Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(every);
            while (!ending.IsCancellationRequested && await timer.WaitForNextTickAsync(CancellationToken.None))
            {
                await send();
            }
        });
        _loads.Add(EndAsync);
        return EndAsync;

        async Task EndAsync()
        {
            await ending.CancelAsync();
            await load;
        }
    }

    /// <summary>The limits of the gateway are by address, and Prometheus has another one.</summary>
    private static async ValueTask<Stream> ConnectFromElsewhereAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private async Task RestartAsync(ServerProcess process, int times)
    {
        for (var time = 0; time < times; time++)
        {
            var started = $"tertulia_started_seconds{{pod=\"{process.Name}\"}}";
            var before = Assert.Single(await _prometheus.ValuesAsync(started));
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            await process.RestartAsync(deadline.Token);
            await IsTrueAsync(string.Create(CultureInfo.InvariantCulture, $"{started} > {before}")); // A start that was never read is none for Prometheus.
        }
    }

    private Task IsTrueAsync(string expression) =>
        Eventually.EqualsAsync(true, async () => (await _prometheus.ValuesAsync(expression)).Length > 0, every: ScrapeEvery / 4);

    private async Task<bool> BecomesTrueAsync(string expression, TimeSpan within)
    {
        using var timer = new PeriodicTimer(ScrapeEvery / 4);
        for (var since = System.Diagnostics.Stopwatch.StartNew(); since.Elapsed < within; await timer.WaitForNextTickAsync())
        {
            if ((await _prometheus.ValuesAsync(expression)).Length > 0)
            {
                return true;
            }
        }

        return false;
    }

    private void MountCertificates(TimeSpan lastFor)
    {
        _authority.Mount(Public, lastFor);
        _authority.Mount(Internal, lastFor);
    }

    private T Owned<T>(T one)
        where T : IAsyncDisposable
    {
        _owned.Add(one);
        return one;
    }

    [GeneratedRegex(@"\[(?<count>\d+)m\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Minutes();

    [GeneratedRegex(@"\[(?<seconds>\d+)s\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Range();
}
