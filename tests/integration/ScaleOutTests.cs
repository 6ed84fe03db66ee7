using System.Diagnostics;
using System.Globalization;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Three nodes that soon notice who has too many clients.</summary>
public sealed class ScaleOutCluster() : ClusterFixture(new ClusterLayout
{
    Gateways = 2,
    Connections = 3,
    Environment = new Dictionary<string, string>
    {
        ["Internal__OpenMetrics"] = "true",
        ["Limits__EventsPerMinute"] = "0",
        ["Rebalance__Least"] = "20",
        ["Rebalance__After"] = "00:00:05",
        ["Rebalance__Interval"] = Interval.ToString(),
        ["Rebalance__PercentPerSecond"] = PercentPerSecond.ToString(CultureInfo.InvariantCulture),
    },
})
{
    /// <summary>More than by default, so that the test ends soon.</summary>
    public const int PercentPerSecond = 10;

    /// <summary>Between two looks of a node at its share.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);
}

/// <summary>Nodes that are added get their share of the clients that are there already, a few at a time; when a node dies, all of its clients are back soon.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ScaleOutTests(ScaleOutCluster fixture, ITestOutputHelper output) : IClassFixture<ScaleOutCluster>
{
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task From_one_node_to_three_under_load_every_node_gets_its_share_moves_are_bounded_and_nothing_is_lost()
    {
        const int Clients = 240;
        var added = await StopAllButOneAsync();
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        await using var load = await RoomLoad.StartAsync(fixture.Gateways, Clients, rooms: 24, seed, RollingRestart.Style);

        var starting = fixture.RestartAsync(added);
        await EvenAsync(Clients);
        await starting;

        output.WriteLine($"{load.Clients.Sum(client => client.CloseCodes.Count)} were moved, one at most {load.Clients.Max(client => client.CloseCodes.Count)} times");
        Assert.All(load.Clients.SelectMany(client => client.CloseCodes), code => Assert.Contains(code, (int[])[1000, 4006]));
        await load.WaitForMoreAsync(100, Within);
        Guarantees.Held(await load.FinishAsync());
    }

    [Fact]
    public async Task A_thousand_clients_of_a_node_that_dies_are_served_again_within_ten_seconds()
    {
        var stopped = await StopAllButOneAsync();
        var run = Guid.NewGuid().ToString("N")[..8];
        ResumingClient[] clients = [.. Enumerable.Range(0, 1_000).Select(i => new ResumingClient(fixture.Gateways, $"storm-{run}-{i % 100}", $"storm-{run}-{i}", new Random(i)))];
        try
        {
            await Task.WhenAll(clients.Select(client => client.StartAsync(Within)));
            await fixture.RestartAsync(stopped[0]);

            await fixture.Cluster.Connections[0].KillAsync();
            var died = Stopwatch.GetTimestamp();
            await Eventually.HoldsAsync(
                () => Array.TrueForAll(clients, client => client.CloseCodes.Count > 0 && client.Connection is not null), "all are served again",
                () => $"{clients.Count(client => client.Connection is null)} are not", TimeSpan.FromSeconds(10));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"all served again after {Stopwatch.GetElapsedTime(died).TotalSeconds:0.0} s"));
        }
        finally
        {
            await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask()));
        }

        await fixture.RestartAsync(fixture.Cluster.Connections[0], stopped[1]);
    }

    private async Task<ServerProcess[]> StopAllButOneAsync()
    {
        using var deadline = new CancellationTokenSource(Within);
        ServerProcess[] others = [.. fixture.Cluster.Connections.Skip(1)];
        await Task.WhenAll(others.Select(node => node.TerminateAsync(Within, deadline.Token)));
        return others;
    }

    /// <summary>Waits until every node has its share to within ten percent, and looks meanwhile that no node tells more than it may.</summary>
    private async Task EvenAsync(int clients)
    {
        using var http = new HttpClient();
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        var began = Stopwatch.GetTimestamp();
        var before = Array.ConvertAll([.. fixture.Cluster.Connections], _ => (Asked: began, Told: 0));
        int[] counts;
        do
        {
            await look.WaitForNextTickAsync();
            var asked = Stopwatch.GetTimestamp();
            var told = await Task.WhenAll(fixture.Cluster.Connections.Select(node => NumberAsync(http, node, "tertulia_rebalance_moves_total{")));
            counts = await Task.WhenAll(fixture.Cluster.Connections.Select(node => NumberAsync(http, node, "tertulia_connections{")));
            for (var node = 0; node < told.Length; node++)
            {
                var intervals = 1 + Math.Ceiling(Stopwatch.GetElapsedTime(before[node].Asked) / ScaleOutCluster.Interval);
                Assert.InRange(told[node] - before[node].Told, 0, intervals * Math.Ceiling(clients * ScaleOutCluster.PercentPerSecond / 100.0 * ScaleOutCluster.Interval.TotalSeconds));
                before[node] = (asked, told[node]);
            }

            Assert.True(Stopwatch.GetElapsedTime(began) < Within, $"Of {clients} connections the nodes have {string.Join(", ", counts)}; they told {string.Join(", ", told)} to go");
        }
        while (counts.Sum() != clients || counts.Any(count => Math.Abs(count - (clients / 3.0)) > clients / 30.0));

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", counts)} connections {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s after the nodes were started"));
    }

    /// <summary>What the node itself says; 0 while it does not answer.</summary>
    private static async Task<int> NumberAsync(HttpClient http, ServerProcess node, string name)
    {
        if (node.HasExited)
        {
            return 0;
        }

        try
        {
            var metrics = await http.GetStringAsync(new Uri(node.Url, "/metrics"));
            var line = metrics.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
            return line is null ? 0 : int.Parse(line[(line.IndexOf('}', StringComparison.Ordinal) + 2)..].Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (HttpRequestException)
        {
            return 0; // It starts.
        }
    }
}
