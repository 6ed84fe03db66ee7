using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The audit log of what admins and services order here: written before it is done, so that nothing is done without it.</summary>
internal sealed class ActionRecords(SecurityService.SecurityServiceClient security, TimeProvider time)
{
    /// <summary>Writes down what the caller is about to do.</summary>
    /// <exception cref="Grpc.Core.RpcException">It is not written: do not do it.</exception>
    public async Task AddAsync(Caller caller, string action, string roomId, string targetId, string detail, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var entry = new AuditEntry
        {
            Id = Guid.CreateVersion7(now).ToString(), AtMs = now.ToUnixTimeMilliseconds(), ActorId = caller.UserId, Action = action, RoomId = roomId, TargetId = targetId,
            Detail = detail,
        };
        await security.RecordAuditAsync(entry, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
    }
}
