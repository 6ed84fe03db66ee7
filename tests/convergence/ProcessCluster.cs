using Tertulia.Testing;

namespace Tertulia.Convergence.Tests;

/// <summary>A cluster of real processes, with a real broker and PostgreSQL, past the gateway.</summary>
internal sealed class ProcessCluster : ICluster
{
    private static readonly TimeSpan StartWithin = TimeSpan.FromMinutes(3);

    private readonly ClusterProcesses _processes;
    private readonly SemaphoreSlim _turn = new(1); // Two kills at once would be a fault of another kind.

    private ProcessCluster(ClusterProcesses processes) => _processes = processes;

    public IReadOnlyList<Uri> Doors => _processes.NodeUrls;

    public static async Task<ProcessCluster> StartAsync(int nodes, int replicas)
    {
        using var deadline = new CancellationTokenSource(StartWithin);
        return new ProcessCluster(await ClusterProcesses.StartAsync(
            new ClusterLayout
            {
                Connections = nodes,
                Messages = replicas,
                Environment = new Dictionary<string, string>
                {
                    ["Limits__EventsPerMinute"] = "0", ["Limits__RoomsCreatedPerHour"] = "0", ["Limits__RoomsPerConnection"] = "0",
                },
            },
            deadline.Token));
    }

    public Task KillNodeAsync(int number) => KillAsync(_processes.Connections[number % _processes.Connections.Count]);

    public Task KillReplicaAsync(int number) => KillAsync(_processes.Messages[number % _processes.Messages.Count]);

    public async ValueTask DisposeAsync()
    {
        await _processes.DisposeAsync();
        _turn.Dispose();
    }

    private async Task KillAsync(ServerProcess process)
    {
        await _turn.WaitAsync();
        try
        {
            using var deadline = new CancellationTokenSource(StartWithin);
            await process.KillAsync();
            await process.RestartAsync(deadline.Token);
        }
        finally
        {
            _turn.Release();
        }
    }
}
