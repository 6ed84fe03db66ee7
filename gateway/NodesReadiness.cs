using Tertulia.Hosting;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway;

/// <summary>A gateway without a node that takes clients is not ready.</summary>
internal sealed class NodesReadiness(IProxyStateLookup state) : IReadinessCheck
{
    public string Name => "nodes";

    /// <summary>Sorted by address.</summary>
    public static DestinationState[] Nodes(IProxyStateLookup state) =>
        state.TryGetCluster(GatewayRoutes.Cluster, out var cluster)
            ? [.. cluster.Destinations.Values.OrderBy(node => node.DestinationId, StringComparer.Ordinal)]
            : [];

    public static bool TakesClients(DestinationState node) => node.Health.Active == DestinationHealth.Healthy;

    public Task<string?> CheckAsync(CancellationToken cancellationToken) =>
        Task.FromResult(Array.Exists(Nodes(state), TakesClients) ? null : "no node takes clients");
}
