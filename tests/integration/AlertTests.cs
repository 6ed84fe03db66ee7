using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Tertulia.Chart.Tests;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Every alert of the chart fires within its time after the fault that it is for, and none fires without one: a real Prometheus reads real
/// processes, and its time runs sixty times as fast as in production.</summary>
/// <remarks>Ranges and <c>for</c> are a sixtieth, so five minutes are five seconds; a scrape each half second is one each half minute. What is no time of
/// Prometheus stays: the age of a command, how often a process looks at itself.</remarks>
[Trait(Needs.Trait, Needs.Helm)]
[Trait(Needs.Trait, Needs.Prometheus)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed partial class AlertTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Faster = 60;
    private const int SlowReaders = 6;
    private const int Mentioned = 12;
    private static readonly TimeSpan ScrapeEvery = TimeSpan.FromSeconds(30) / Faster;

    // Until a process knows of a fault itself: checks run each 5 s with a deadline of 2, the error queue is counted each 10 s; and this machine is busy.
    private static readonly TimeSpan Allowance = TimeSpan.FromSeconds(30);

    private static readonly string Long = new('x', 12_000);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-{Guid.NewGuid():N}"[..24]);
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _loads = [];
    private readonly List<IAsyncDisposable> _owned = [];
    private readonly Dictionary<string, TimeSpan> _fired = new(StringComparer.Ordinal);
    private readonly List<string> _failures = [];
    private readonly int _tls = FreePorts.Next();
    private JsonNode[] _rules = [];
    private PrivatePostgres _store = null!;
    private FaultProxy _toStore = null!;
    private ClusterProcesses _cluster = null!;
    private PrivatePrometheus _prometheus = null!;

    public async Task InitializeAsync()
    {
        using var start = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        Directory.CreateDirectory(_folder);
        _store = Owned(await PrivatePostgres.StartAsync(Path.Combine(_folder, "postgres"), Path.Combine(_folder, "postgres.log"), start.Token));
        _toStore = Owned(new FaultProxy(_store.Port));
        WriteCertificate(endsIn: TimeSpan.FromDays(13));
        _cluster = Owned(await ClusterProcesses.StartAsync(
            new ClusterLayout
            {
                Presences = 2,
                Store = $"Host=127.0.0.1;Port={_toStore.Port};Username=tertulia;Database=postgres",
                Environment = new Dictionary<string, string>
                {
                    ["Internal__Secret"] = Operator.Secret,
                    ["Limits__EventsPerMinute"] = "0",
                    ["Limits__ContentLength"] = "16000",
                    ["Bus__RabbitMq__NodeQueueBytes"] = "262144", // A node that stands still misses something soon.
                    ["Outbox__SoftLimitBytes"] = "65536",
                    ["Outbox__HardLimitBytes"] = "262144",
                    ["Outbox__BudgetBytes"] = "262144",
                    ["Outbox__StallTimeout"] = "00:05:00",
                    ["Egress__AllowHttp"] = "true",
                    ["Egress__AllowedNetworks__0"] = "127.0.0.0/8",
                    ["Push__CollapseWindow"] = "00:00:01",
                    ["Gateway__Limits__RequestsPerSecond"] = "20",
                    ["Gateway__Limits__RequestBurst"] = "20",
                    ["Gateway__Tls__Port"] = _tls.ToString(CultureInfo.InvariantCulture),
                    ["Gateway__Tls__CertificatePath"] = Path.Combine(_folder, "tls.crt"),
                    ["Gateway__Tls__KeyPath"] = Path.Combine(_folder, "tls.key"),
                },
            },
            start.Token));
        var chart = await Helm.RenderAsync("observability");
        _rules = [.. Assert.Single(chart.OfKind("PrometheusRule")).At("spec.groups")!.AsArray().Single()!["rules"]!.AsArray().Select(rule => AsFast(rule!))];
        _prometheus = Owned(await PrivatePrometheus.StartAsync(
            Path.Combine(_folder, "prometheus"), ScrapeEvery, Scraped(), "talk", Operator.Secret, new JsonArray([.. _rules.Select(rule => rule.DeepClone())]), start.Token));
    }

    public async Task DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_loads);
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }

        _stopping.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Each_alert_fires_within_its_time_after_its_fault_and_none_without_one()
    {
        var ana = Owned(await ChatClient.JoinAsync(_cluster.NodeUrls[0], "lobby", "ana"));
        await using var bruno = await ChatClient.JoinAsync(_cluster.NodeUrls[1], "lobby", "bruno"); // What comes to that node it misses later.
        await using var dora = await ChatClient.JoinAsync(_cluster.GatewayUrl, "lobby", "dora");
        foreach (var room in (string[])["hooks", "poison"])
        {
            Assert.Equal("joined", (await ana.AskAsync($"\"type\":\"join\",\"room_id\":\"{room}\"")).Type);
        }

        Load(TimeSpan.FromMilliseconds(20), () => ana.SendAsync("""{"type":"message","room_id":"lobby","content":"hola"}"""));
        await Eventually.EqualsAsync(true, async () => (await _prometheus.ValuesAsync("sum(rate(tertulia_messages_total[5s])) > 5")).Length > 0, every: ScrapeEvery);
        await Eventually.EqualsAsync("", async () => string.Join(' ', (await _prometheus.ValuesAsync("up == 0")).Select(_ => "down")), every: ScrapeEvery);
        Assert.Empty(await _prometheus.FiringAsync());

        await UsersAndOtherSystemsAsync(ana);
        await StoreAsync(ana);
        await BrokerAsync();

        Assert.Empty(_failures);
        Assert.Equal(_rules.Select(Name).Order(StringComparer.Ordinal), _fired.Keys.Order(StringComparer.Ordinal));
        await EverythingThatIsAskedForIsThereAsync();
    }

    /// <summary>Everything works, but: clients read slowly or ask for what there is not, a process ends again and again, others take nothing, the store is slow.</summary>
    private async Task UsersAndOtherSystemsAsync(ChatClient ana)
    {
        using var notification = new Operator(_cluster.Notifications[0].Url);
        using var http = new HttpClient();
        using var elsewhere = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectFromElsewhereAsync });
        var pushes = Owned(await PushEndpoint.StartAsync());
        pushes.Instead = Refuse;
        var gone = Owned(await WebhookReceiver.StartAsync());
        gone.Answer = (_, _) => Task.FromResult(StatusCodes.Status410Gone);
        var failing = Owned(await WebhookReceiver.StartAsync());
        failing.Answer = (_, _) => Task.FromResult(StatusCodes.Status500InternalServerError);
        await notification.AddWebhookAsync(gone, ["message.created"], "hooks");
        await notification.AddWebhookAsync(failing, ["message.created"], "hooks");
        for (var number = 0; number < Mentioned; number++)
        {
            await (await ChatClient.JoinAsync(_cluster.NodeUrls[0], "hooks", $"carla{number}")).DisposeAsync();
            var browser = pushes.NewBrowser($"carla{number}", "phone");
            using var subscribed = await http.PutAsJsonAsync(
                new Uri(_cluster.NodeUrls[0], $"/api/v1/push/subscriptions?user_id=carla{number}"),
                new { device_id = "phone", endpoint = browser.Endpoint, keys = new { p256dh = browser.Key, auth = browser.Auth } });
            subscribed.EnsureSuccessStatusCode();
        }

        for (var number = 0; number < SlowReaders; number++)
        {
            var slow = await ChatClient.JoinAsync(_cluster.NodeUrls[0], "lobby", $"slow-{number}", new ChatClientOptions { ReceiveBufferBytes = 4096 });
            Owned(slow).PauseReading();
        }

        await AskOverTlsAsync();
        await _store.ExecuteAsync("alter table room_log add constraint poison check (room_id <> 'poison') not valid", CancellationToken.None);
        await ana.SendAsync("""{"type":"message","room_id":"poison","content":"hola"}""");
        var mentions = 0;
        Load(TimeSpan.FromMilliseconds(500), () => ana.SendAsync($$"""{"type":"message","room_id":"hooks","content":"hola @carla{{mentions++ % Mentioned}}"}"""));
        Load(TimeSpan.FromMilliseconds(20), () => ana.SendAsync(
            """{"type":"message_edit","room_id":"lobby","message_id":"01900000-0000-7000-8000-000000000000","content":"x"}"""));
        var flood = Load(TimeSpan.FromMilliseconds(10), async () => (await elsewhere.GetAsync(new Uri(_cluster.GatewayUrl, "/api/nothing"), _stopping.Token)).Dispose());
        var large = LoadLarge(ana);
        var restarts = RestartUntilItIsSeenAsync(_cluster.Presences[1]);

        await FireAsync(
            isServed: true, "TertuliaCertificateEnds", "TertuliaDeadLetters", "TertuliaErrorQueue", "TertuliaGatewayRefuses", "TertuliaMessagesRefused",
            "TertuliaOutboxesNearBudget", "TertuliaPushFailing", "TertuliaRestarts", "TertuliaSlowReaders", "TertuliaWebhookDisabled", "TertuliaWebhookFailing");
        await restarts;
        await Task.WhenAll(flood.CancelAsync(), large.CancelAsync());

        _toStore.Delay = TimeSpan.FromMilliseconds(400); // There, and back.
        await FireAsync(isServed: false, "TertuliaAppendsSlow", "TertuliaDeliveriesLate");
        _toStore.Delay = TimeSpan.Zero;

        static async Task<bool> Refuse(HttpContext context)
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            await context.Response.CompleteAsync();
            return true;
        }
    }

    /// <summary>A node misses what happens and reads it from the store; then again, and there is no store.</summary>
    private async Task StoreAsync(ChatClient ana)
    {
        var large = LoadLarge(ana);
        await MissAsync();
        await _cluster.Connections[1].ContinueAsync();
        await Eventually.EqualsAsync(true, async () => (await _prometheus.ValuesAsync("sum(tertulia_gaps_repaired_total) > 0")).Length > 0, every: ScrapeEvery);
        await MissAsync();
        await large.CancelAsync();
        await _store.Process.KillAsync();
        await _cluster.Connections[1].ContinueAsync();

        await FireAsync(isServed: false, "TertuliaStoreDown", "TertuliaCommandsUnanswered", "TertuliaMessagesFail", "TertuliaGapsNotRepaired", "TertuliaFollowerBehind");

        async Task MissAsync()
        {
            await _cluster.Connections[1].FreezeAsync();
            var before = Delivered();
            await Eventually.HoldsAsync(() => Delivered() > before + 60, "what overflows the queue of a node is sent", () => $"{Delivered() - before}");
        }

        int Delivered() => ana.Frames.Count(frame => frame.Raw.Length > Long.Length);
    }

    /// <summary>And then there is no broker either, and no notification service.</summary>
    private async Task BrokerAsync()
    {
        await _cluster.Notifications[0].KillAsync();
        await _cluster.Broker.KillAsync();

        await FireAsync(isServed: false, "TertuliaBrokerDown", "TertuliaDown", "TertuliaNoNodes", "TertuliaNotReady", "TertuliaPresenceSilent");
    }

    /// <summary>Waits until these alerts fire, each within its range, its <c>for</c> and two scrapes, and what the product needs to know of the fault.</summary>
    /// <param name="isServed">Users are: then no critical alert may fire.</param>
    /// <param name="expected">Their names.</param>
    private async Task FireAsync(bool isServed, params string[] expected)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        var missing = expected.ToHashSet(StringComparer.Ordinal);
        using var timer = new PeriodicTimer(ScrapeEvery / 2);
        while (missing.Count > 0)
        {
            await timer.WaitForNextTickAsync();
            foreach (var (name, labels) in await _prometheus.FiringAsync())
            {
                if (_fired.TryAdd(name, since.Elapsed))
                {
                    output.WriteLine($"{name}: after {since.Elapsed.TotalSeconds:0.0} s of at most {Within(name).TotalSeconds:0.0}: {labels}");
                }

                missing.Remove(name);
                if (isServed && labels.Contains("critical", StringComparison.Ordinal) && _failures.All(failure => !failure.StartsWith(name, StringComparison.Ordinal)))
                {
                    _failures.Add($"{name} fires although users are served: {labels}");
                }
            }

            foreach (var late in missing.Where(name => since.Elapsed > Within(name)).ToArray())
            {
                missing.Remove(late);
                _failures.Add($"{late} did not fire within {Within(late)}");
            }
        }
    }

    private TimeSpan Within(string alert)
    {
        var rule = _rules.Single(rule => Name(rule) == alert);
        var range = Range().Matches((string)rule["expr"]!).Select(match => Seconds(match.Groups["seconds"].Value)).DefaultIfEmpty(TimeSpan.Zero).Max();
        return range + Seconds(((string?)rule["for"])?.TrimEnd('s') ?? "0") + (2 * ScrapeEvery) + Allowance;
    }

    private static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(int.Parse(text, CultureInfo.InvariantCulture));

    /// <summary>A rule whose minutes are seconds, and whose hours are minutes. The lag of a follower is a time, too.</summary>
    private static JsonObject AsFast(JsonNode rule)
    {
        var fast = (JsonObject)rule.DeepClone();
        fast["expr"] = Duration().Replace(((string)rule["expr"]!).Replace(") > 60", ") > 3", StringComparison.Ordinal), match => $"[{Shorter(match)}]");
        if ((string?)rule["for"] is { } wait)
        {
            fast["for"] = Duration().Replace($"[{wait}]", Shorter);
        }

        return fast;

        static string Shorter(Match match) => match.Groups["unit"].Value == "h"
            ? string.Create(CultureInfo.InvariantCulture, $"{int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture) * 60}s")
            : $"{match.Groups["count"].Value}s";
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

    private CancellationTokenSource LoadLarge(ChatClient ana) => Load(
        TimeSpan.FromMilliseconds(20), () => ana.SendAsync($$"""{"type":"message","room_id":"lobby","content":"{{Long}}"}"""));

    /// <returns>Ends it before the test does.</returns>
    private CancellationTokenSource Load(TimeSpan every, Func<Task> send)
    {
        var ending = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        _loads.Add(Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(every);
            try
            {
                while (await timer.WaitForNextTickAsync(ending.Token))
                {
                    await send();
                }
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                return; // With the test, or before.
            }
        }));
        return ending;
    }

    /// <summary>The limits of the gateway are by address, and Prometheus has another one.</summary>
    private static async ValueTask<Stream> ConnectFromElsewhereAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private async Task RestartUntilItIsSeenAsync(ServerProcess process)
    {
        while (!_fired.ContainsKey("TertuliaRestarts"))
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            await process.RestartAsync(deadline.Token);
            // Each is seen: Prometheus reads the process before it ends again.
            await Eventually.EqualsAsync(
                true, async () => (await _prometheus.ValuesAsync($"process_uptime_seconds{{pod=\"{process.Name}\"}} > 1")).Length == 1, every: ScrapeEvery);
        }
    }

    private async Task AskOverTlsAsync()
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=talk.example.org";
        using var http = new HttpClient(handler);
        using var answer = await http.GetAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{_tls}/health")));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private void WriteCertificate(TimeSpan endsIn)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=talk.example.org", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow + endsIn);
        File.WriteAllText(Path.Combine(_folder, "tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
    }

    private T Owned<T>(T one)
        where T : IAsyncDisposable
    {
        _owned.Add(one);
        return one;
    }

    [GeneratedRegex(@"\[(?<count>\d+)(?<unit>[mh])\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Duration();

    [GeneratedRegex(@"\[(?<seconds>\d+)s\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Range();
}
