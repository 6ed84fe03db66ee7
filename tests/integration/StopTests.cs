using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A process that is told to stop while what it needs is away stops, soon and properly.</summary>
public sealed class StopTests
{
    // Far below the 70 s after which the host gives up, and an orchestrator kills.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(25);

    [Fact]
    public async Task Without_broker_and_store_every_process_stops()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await using var cluster = await ClusterProcesses.StartAsync(new ClusterLayout { Connections = 1 }, deadline.Token);
        await using (var ana = await ChatClient.JoinAsync(cluster.GatewayUrl, "1", "ana"))
        {
            await ana.SayAsync("stored");
            await cluster.Broker.KillAsync();
            await cluster.Store.KillAsync();
            await ana.SendAsync("""{"type":"message","content":"on its way"}"""); // Something that waits for what is away.
        }

        ServerProcess[] processes = [.. cluster.Gateways, .. cluster.Connections, .. cluster.Messages, .. cluster.Presences];
        var codes = await Task.WhenAll(processes.Select(process => process.TerminateAsync(Soon, deadline.Token)));

        Assert.Equal(processes.Select(process => (process.Name, 0)), processes.Zip(codes, (process, code) => (process.Name, code)));
    }
}
