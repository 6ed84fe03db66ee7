using Tertulia.Testing;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // One cluster is enough for two cores.

namespace Tertulia.Integration.Tests;

/// <summary>A cluster of real processes for a group of test classes. A test that stops a process starts it again.</summary>
public abstract class ClusterFixture(ClusterLayout layout) : IAsyncLifetime
{
    private ClusterProcesses? _cluster;

    public ClusterProcesses Cluster => _cluster ?? throw new InvalidOperationException("The cluster did not start");

    /// <summary>All doors.</summary>
    public IReadOnlyList<Uri> Gateways => [.. Cluster.Gateways.Select(gateway => gateway.Url)];

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        _cluster = await ClusterProcesses.StartAsync(layout, deadline.Token);
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    /// <summary>Starts a process that a test has stopped, and waits until it is ready.</summary>
    public static async Task RestartAsync(ServerProcess process)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.RestartAsync(deadline.Token);
    }
}

/// <summary>Two of everything and no limit on events: for loads and faults.</summary>
public sealed class FaultCluster() : ClusterFixture(new ClusterLayout
{
    Gateways = 2,
    Connections = 2,
    Messages = 2,
    Presences = 2,
    Environment = new Dictionary<string, string>
    {
        ["Limits__EventsPerMinute"] = "0",
        ["Sockets__StallTimeout"] = "00:00:02",
        ["Sockets__CloseTimeout"] = "00:00:20",
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

[CollectionDefinition(Name)]
public sealed class FaultCollection : ICollectionFixture<FaultCluster>
{
    public const string Name = "faults";
}

[CollectionDefinition(Name)]
public sealed class LimitedCollection : ICollectionFixture<LimitedCluster>
{
    public const string Name = "limits";
}
