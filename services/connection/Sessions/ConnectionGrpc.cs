using Grpc.Core;
using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>What other processes may ask of this node.</summary>
internal sealed partial class ConnectionGrpc(SessionRegistry registry, SessionMover mover, ILogger<ConnectionGrpc> logger)
    : ConnectionService.ConnectionServiceBase
{
    /// <summary>Starts to move the clients of a gateway that goes away, and does not wait for them.</summary>
    public override Task<MoveGatewayClientsReply> MoveGatewayClients(MoveGatewayClientsRequest request, ServerCallContext context)
    {
        var sessions = registry.Sessions.Where(session => session.Opening.GatewayId == request.GatewayId).ToList();
        LogMoving(request.GatewayId, sessions.Count);
        mover.Start(sessions, TimeSpan.FromMilliseconds(request.WithinMs));
        return Task.FromResult(new MoveGatewayClientsReply { Connections = (uint)sessions.Count });
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Gateway {GatewayId} goes away: {Count} connections are moved")]
    private partial void LogMoving(string gatewayId, int count);
}
