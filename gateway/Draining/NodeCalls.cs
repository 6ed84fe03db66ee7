using Grpc.Core;
using Grpc.Net.Client;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway.Draining;

/// <summary>gRPC to each node, on the port that takes the forwarded requests, too.</summary>
internal sealed partial class NodeCalls(ProcessIdentity identity, InternalAuth auth, InternalTls tls, IProxyStateLookup state, TimeProvider time, ILogger<NodeCalls> logger)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    /// <summary>Asks every node to move this gateway's clients, spread over a time.</summary>
    /// <returns>Whether all nodes that are up have answered.</returns>
    public async Task<bool> MoveClientsAsync(TimeSpan within, CancellationToken cancellationToken)
    {
        if (!state.TryGetCluster(GatewayRoutes.Cluster, out var cluster))
        {
            return true;
        }

        var calls = cluster.Destinations.Values.Select(node => MoveClientsAsync(node, within, cancellationToken));
        return Array.TrueForAll(await Task.WhenAll(calls), answered => answered);
    }

    private async Task<bool> MoveClientsAsync(DestinationState node, TimeSpan within, CancellationToken cancellationToken)
    {
        var request = new MoveGatewayClientsRequest { GatewayId = identity.Id, WithinMs = (uint)within.TotalMilliseconds };
        try
        {
            using var channel = GrpcChannel.ForAddress(
                node.Model.Config.Address, new GrpcChannelOptions { HttpHandler = auth.Around(tls.Handler()), DisposeHttpClient = true });
            var client = new ConnectionService.ConnectionServiceClient(channel);
            var reply = await client.MoveGatewayClientsAsync(
                request, deadline: time.GetUtcNow().UtcDateTime + Deadline, cancellationToken: cancellationToken);
            LogMoved(node.DestinationId, reply.Connections);
            return true;
        }
        catch (RpcException exception)
        {
            cancellationToken.ThrowIfCancellationRequested(); // Its own deadline is no reason to end the drain: the node is asked again.
            LogNotMoved(node.DestinationId, exception.StatusCode);
            return node.Health.Active == DestinationHealth.Unhealthy; // A node that is down has no clients to move.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} moves {Connections} clients")]
    private partial void LogMoved(string node, uint connections);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} did not answer the request to move clients: {Status}")]
    private partial void LogNotMoved(string node, StatusCode status);
}
