using System.Net;
using System.Text.Json.Nodes;
using Tertulia.Testing;
using Xunit.Abstractions;

// Three at a time, on two cores, too: tests of faults mostly wait, for a process to start, for a time-out to pass.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]
[assembly: TestCollectionOrderer("Tertulia.Integration.Tests.LongestFirst", "Tertulia.Integration.Tests")]

namespace Tertulia.Integration.Tests;

/// <summary>A cluster of real processes for a group of test classes. A test that stops a process starts it again.</summary>
public abstract class ClusterFixture(ClusterLayout layout) : IAsyncLifetime
{
    private static readonly TimeSpan WholeWithin = TimeSpan.FromMinutes(1);
    private ClusterProcesses? _cluster;

    public ClusterProcesses Cluster => _cluster ?? throw new InvalidOperationException("The cluster did not start");

    /// <summary>All doors.</summary>
    public IReadOnlyList<Uri> Gateways => [.. Cluster.Gateways.Select(gateway => gateway.Url)];

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        _cluster = await ClusterProcesses.StartAsync(layout, deadline.Token);
    }

    public virtual async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    /// <summary>Starts processes that a test has stopped, and waits until everything works again.</summary>
    public async Task RestartAsync(params ServerProcess[] processes)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await Task.WhenAll(processes.Select(process => process.RestartAsync(deadline.Token)));
        await WaitUntilWholeAsync(Cluster);
    }

    /// <summary>Every process that runs is ready, and every gateway knows of as many nodes that are: what a test leaves to the next one.</summary>
    public static async Task WaitUntilWholeAsync(ClusterProcesses cluster)
    {
        using var http = new HttpClient();
        ServerProcess[] services = [.. cluster.Messages, .. cluster.Presences, .. cluster.Notifications, .. cluster.Connections, .. cluster.Gateways];
        foreach (var process in services.Where(process => !process.HasExited))
        {
            await Eventually.EqualsAsync(HttpStatusCode.OK, async () => (await http.GetAsync(new Uri(process.Url, "/health/ready"))).StatusCode, WholeWithin);
        }

        var running = cluster.Connections.Count(node => !node.HasExited);
        foreach (var gateway in cluster.Gateways)
        {
            await Eventually.EqualsAsync(running, () => HealthyNodesAsync(http, gateway.Url), WholeWithin);
        }
    }

    private static async Task<int> HealthyNodesAsync(HttpClient http, Uri gateway)
    {
        var summary = JsonNode.Parse(await (await http.GetAsync(new Uri(gateway, "/health"))).Content.ReadAsStringAsync())!;
        return summary["destinations"]!.AsArray().Count(node => (string?)node!["health"] == "healthy");
    }
}

/// <summary>Two of everything and no limit on events: for loads and faults. On MongoDB where <c>TERTULIA_TEST_STORE</c> is <c>mongodb</c>.</summary>
public sealed class FaultCluster() : ClusterFixture(new ClusterLayout
{
    OnMongo = Environment.GetEnvironmentVariable("TERTULIA_TEST_STORE") == "mongodb",
    Gateways = 2,
    Connections = 2,
    Messages = 2,
    Presences = 2,
    StopWithin = TimeSpan.FromSeconds(15), // Enough for a busy machine: at its end clients would be cut.
    Environment = new Dictionary<string, string>
    {
        ["Auth__Secret"] = Tokens.Secret,
        ["Limits__ContentLength"] = "16000",
        ["Limits__EventsPerMinute"] = "0",
        ["Limits__RoomsCreatedPerHour"] = "0", // Each test has a room of its own, and all have the same few users.
        ["Egress__AllowHttp"] = "true",
        ["Egress__AllowedNetworks__0"] = "127.0.0.0/8",
        ["Internal__Secret"] = Operator.Secret,
        ["Jobs__Lease"] = "00:00:30", // What a killed process had under way goes on after it.
        ["Messages__Retention__Interval"] = "00:00:01",
        ["Push__CollapseWindow"] = "00:00:05",
        ["Webhooks__PresenceDelay"] = "00:00:01",
        ["Outbox__StallTimeout"] = "00:00:02",
        ["Outbox__CloseTimeout"] = "00:00:20",
    },
});

/// <summary>The limits as they are by default, and a key for tokens.</summary>
public sealed class LimitedCluster() : ClusterFixture(new ClusterLayout
{
    Connections = 2,
    Environment = new Dictionary<string, string>
    {
        ["Auth__Secret"] = Tokens.Secret,
        ["Auth__ClockSkew"] = "00:00:00",
        ["Sockets__AuthTimeout"] = "00:00:02",
    },
});

/// <summary>As in production: the environment's name, tokens of an issuer for this audience, and every limit as it is by default.</summary>
public sealed class ProductionCluster() : ClusterFixture(new ClusterLayout
{
    BuiltIn = Repository.Root, // What users run, not the precompiled copy.
    Gateways = 2,
    Connections = 2,
    Messages = 2,
    Presences = 2,
    Environment = new Dictionary<string, string>
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Production",
        ["DOTNET_ENVIRONMENT"] = "Production",
        ["Auth__Mode"] = "Jwt",
        ["Auth__Secret"] = Tokens.Secret,
        ["Auth__Issuer"] = Tokens.Issuer,
        ["Auth__Audience"] = Tokens.Audience,
    },
});

[CollectionDefinition(Name)]
public sealed class FaultCollection : ICollectionFixture<FaultCluster>
{
    public const string Name = "faults";
}

/// <summary>The same cluster once more: what people do at the same time. A process that is ended here comes back at once.</summary>
[CollectionDefinition(Name)]
public sealed class TrafficCollection : ICollectionFixture<FaultCluster>
{
    public const string Name = "traffic";
}

[CollectionDefinition(Name)]
public sealed class LimitedCollection : ICollectionFixture<LimitedCluster>
{
    public const string Name = "limits";
}

/// <summary>For what takes all of the machine, or asks what happens when nothing else does: runs after the others, one at a time.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>The shared clusters have the most tests, so they begin first; then what takes longest, so that nothing waits for it at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    // A class without a collection is one by itself, and its name ends with the class's.
    private static readonly string[] Longest =
    [
        FaultCollection.Name, TrafficCollection.Name, LimitedCollection.Name, nameof(ProductionTests), nameof(AlertTests), nameof(ScaleOutTests),
        nameof(WentBackTests), nameof(FollowerTests), nameof(ChartDrillTests), nameof(LargeHoleTests), nameof(StartTests), nameof(AllInOneRestartTests),
        nameof(AllInOnePushAndWebhookTests),
    ];

    /// <inheritdoc />
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => (uint)Array.FindIndex(Longest, name => collection.DisplayName.EndsWith(name, StringComparison.Ordinal)))
            .ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);
}
