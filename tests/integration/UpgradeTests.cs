using Tertulia.Testing;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Tertulia.Integration.Tests;

/// <summary>A test of two builds: it is there only where <c>TERTULIA_UPGRADE_FROM</c> names the checkout of an older one (<c>tests/upgrade.sh</c>).</summary>
[XunitTestCaseDiscoverer("Tertulia.Integration.Tests.UpgradeFactDiscoverer", "Tertulia.Integration.Tests")]
[AttributeUsage(AttributeTargets.Method)]
public sealed class UpgradeFactAttribute : FactAttribute
{
    /// <summary>The older checkout, built; null when there is none.</summary>
    public static string? From => Environment.GetEnvironmentVariable("TERTULIA_UPGRADE_FROM");

    /// <summary>How often one process may cost a client its connection: once, but of builds whose nodes took clients while they left.</summary>
    public static int MostMoves => int.TryParse(Environment.GetEnvironmentVariable("TERTULIA_UPGRADE_MOVES"), out var moves) ? moves : 1;
}

/// <summary>Finds such tests.</summary>
public sealed class UpgradeFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    /// <inheritdoc />
    public override IEnumerable<IXunitTestCase> Discover(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        UpgradeFactAttribute.From is null ? [] : base.Discover(discoveryOptions, testMethod, factAttribute);
}

/// <summary>The processes of an older build are replaced by those of this one, one after another, and both work together meanwhile.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
[Collection(AloneCollection.Name)]
public sealed class UpgradeTests(ITestOutputHelper output)
{
    [UpgradeFact]
    public async Task An_older_build_is_replaced_under_load_and_each_client_is_moved_once_at_most_and_sees_everything_once_and_in_order()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        var layout = new ClusterLayout
        {
            BuiltIn = UpgradeFactAttribute.From,
            Gateways = 2,
            Connections = 2,
            Messages = 2,
            Presences = 2,
            Notifications = 2,
            StopWithin = TimeSpan.FromSeconds(15),
            Environment = new Dictionary<string, string> { ["Limits__EventsPerMinute"] = "0" },
        };
        await using var cluster = await ClusterProcesses.StartAsync(layout, deadline.Token);
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        await using var load = await RoomLoad.StartAsync([.. cluster.Gateways.Select(gateway => gateway.Url)], RollingRestart.Clients, rooms: 20, seed, RollingRestart.Style);

        await new RollingRestart(cluster, load, output, UpgradeFactAttribute.MostMoves).RunAsync(async process =>
        {
            await cluster.UpgradeAsync(process, deadline.Token);
            await ClusterFixture.WaitUntilWholeAsync(cluster);
        });

        Guarantees.Held(await load.FinishAsync());
    }
}
