namespace Tertulia.Convergence.Tests;

/// <summary>What a script runs against: doors of several nodes, and processes that can be killed. Who is killed comes back under the same address.</summary>
internal interface ICluster : IAsyncDisposable
{
    /// <summary>One for each node.</summary>
    IReadOnlyList<Uri> Doors { get; }

    /// <summary>Kills a node and starts it again; completes when it is ready.</summary>
    /// <param name="number">Any number: it is taken modulo the number of nodes.</param>
    Task KillNodeAsync(int number);

    /// <summary>Kills a replica of the message service and starts it again; completes when it is ready.</summary>
    /// <param name="number">Any number: it is taken modulo the number of replicas.</param>
    Task KillReplicaAsync(int number);
}
