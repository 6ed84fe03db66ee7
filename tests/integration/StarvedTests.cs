using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>A process never stands still: with a part of the CPU that it wants it is slow, and answers; it does not lose clients or stop confirming.</summary>
[Collection(AloneCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class StarvedTests(ITestOutputHelper output)
{
    private const int Clients = 300;
    private const int Rooms = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    // Of 300 clients with a pause of 7.5 seconds in the mean and 1.25 messages after each: 50 messages a second.
    private static readonly RoomLoadStyle Style = new() { LongestPause = TimeSpan.FromSeconds(15), JoinWithin = Patience };

    [Fact]
    public async Task Beside_two_busy_loops_a_cold_cluster_closes_nobody_loses_nothing_and_confirms_everything()
    {
        var seed = RoomLoad.SeedOfRun();
        output.WriteLine($"TERTULIA_SEED={seed}");
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var layout = new ClusterLayout { Environment = new Dictionary<string, string> { ["Limits__EventsPerMinute"] = "0" } };
        await using var cluster = await ClusterProcesses.StartAsync(layout, deadline.Token);
        RoomLoad load;
        using (BusyLoops.Start())
        {
            load = await RoomLoad.StartAsync([cluster.GatewayUrl], Clients, Rooms, seed, Style);
            await load.WaitForMoreAsync(1200, Patience);
        }

        await using (load)
        {
            Guarantees.Held(await load.FinishAsync());
            Assert.Equal([], load.Clients.SelectMany(client => client.CloseCodes));
            output.WriteLine($"{load.Acknowledged} messages acknowledged");
        }
    }
}
