using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tertulia.Gateway.Draining;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway;

/// <summary>A gateway without a node that takes clients is not ready. Adds <c>sockets</c> and <c>destinations</c> to the summary.</summary>
internal sealed class NodesReadiness(IProxyStateLookup state, OpenSockets sockets) : IHealthCheck
{
    /// <summary>Sorted by address.</summary>
    public static DestinationState[] Nodes(IProxyStateLookup state) =>
        state.TryGetCluster(GatewayRoutes.Cluster, out var cluster)
            ? [.. cluster.Destinations.Values.OrderBy(node => node.DestinationId, StringComparer.Ordinal)]
            : [];

    public static bool TakesClients(DestinationState node) => node.Health.Active == DestinationHealth.Healthy;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var nodes = Nodes(state);
        var data = new Dictionary<string, object>
        {
            ["sockets"] = sockets.Count,
            ["destinations"] = nodes.Select(node => new { address = node.Model.Config.Address, health = node.Health.Active.ToString().ToLowerInvariant() }),
        };
        return Task.FromResult(Array.Exists(nodes, TakesClients)
            ? HealthCheckResult.Healthy(data: data)
            : HealthCheckResult.Unhealthy("no node takes clients", data: data));
    }
}
