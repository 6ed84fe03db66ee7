using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Revoking;

/// <summary>The gRPC service of who may not come in any more and who did what, answered by any replica from the store.</summary>
internal sealed class SecurityGrpc(
    IRevocationStore revocations, IAuditLog audit, IMessageStore store, RoomAccess access, ReadGate gate, TimeProvider time) : SecurityService.SecurityServiceBase
{
    /// <summary>Revocations that have not ended, at most: every node has them in memory.</summary>
    internal const int MaxRevocations = 100_000;

    private const int MaxAuditPage = 100;
    private const int Page = 1_000;
    private const int MaxTokenIdChars = 256;
    private const int MaxIdChars = 128;
    private const int MaxReasonChars = 256;

    /// <inheritdoc />
    public override async Task<Revocation> Revoke(RevokeRequest request, ServerCallContext context)
    {
        if (request.Actor is not { Role: "admin" or "service", UserId.Length: > 0 } actor)
        {
            throw RpcErrors.Refuse(ErrorCode.Forbidden, "only admins and services revoke");
        }

        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        if ((request.TokenId.Length > 0) == (request.UserId.Length + request.RoomId.Length > 0)
            || !IsStorable(request.TokenId, MaxTokenIdChars) || !IsStorable(request.UserId, MaxIdChars) || !IsStorable(request.RoomId, MaxIdChars)
            || !IsStorable(request.Reason, MaxReasonChars) || request.ExpiresAtMs <= nowMs)
        {
            throw RpcErrors.Refuse(
                ErrorCode.BadRequest, "either a token or a user, a room or both; ids and reason without control characters; and an end that is not over");
        }

        var revocation = new Revocation
        {
            TokenId = request.TokenId, UserId = request.UserId, RoomId = request.RoomId, RevokedAtMs = nowMs, ExpiresAtMs = request.ExpiresAtMs,
        };
        revocation.Number = await revocations.AddAsync(revocation, actor.UserId, request.Reason, MaxRevocations, CancellationToken.None)
            ?? throw RpcErrors.Refuse(ErrorCode.LimitExceeded, $"there are {MaxRevocations} revocations that have not ended");
        return revocation;
    }

    /// <inheritdoc />
    public override async Task<ListRevocationsReply> ListRevocations(ListRevocationsRequest request, ServerCallContext context)
    {
        var reply = new ListRevocationsReply { Epoch = store.Epoch };
        reply.Anew = request.Epoch != reply.Epoch;
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        var found = await gate.RunAsync(
            () => revocations.ReadAsync(reply.Anew ? 0 : request.After, nowMs, Page + 1, CancellationToken.None), context.CancellationToken);
        reply.HasMore = found.Count > Page;
        reply.Revocations.AddRange(found.Take(Page));
        return reply;
    }

    /// <inheritdoc />
    public override async Task<ListAuditReply> ListAudit(ListAuditRequest request, ServerCallContext context)
    {
        if (request.Actor is not { UserId.Length: > 0 } actor || (!RoomPermissions.IsPrivileged(actor) && request.RoomId.Length == 0))
        {
            throw RpcErrors.Refuse(ErrorCode.Forbidden, "only admins and services read all of the audit log; who moderates a room reads what is about it");
        }

        if (request.Limit is < 1 or > MaxAuditPage || !new[] { request.ActorId, request.Action, request.RoomId, request.TargetId, request.BeforeId }
            .All(text => IsStorable(text, MaxTokenIdChars)))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"limit is 1 to {MaxAuditPage}, and what is asked for has at most {MaxTokenIdChars} characters");
        }

        if (!RoomPermissions.IsPrivileged(actor))
        {
            await access.CheckAsync(request.RoomId, actor, RoomAction.ReadAudit, context.CancellationToken);
        }

        var filter = new AuditFilter(request.ActorId, request.Action, request.RoomId, request.TargetId, request.SinceMs);
        var (beforeMs, beforeId) = request.BeforeMs == 0 ? (long.MaxValue, "") : (request.BeforeMs, request.BeforeId);
        if (request.UntilMs > 0 && request.UntilMs < beforeMs)
        {
            (beforeMs, beforeId) = (request.UntilMs, "");
        }

        var found = await gate.RunAsync(
            () => audit.ReadAsync(filter, beforeMs, beforeId, request.Limit + 1, CancellationToken.None), context.CancellationToken);
        var reply = new ListAuditReply { HasMore = found.Count > request.Limit };
        reply.Entries.AddRange(found.Take(request.Limit).Select(record => new AuditEntry
        {
            Id = record.Id,
            AtMs = record.AtMs,
            ActorId = record.ActorId,
            Action = record.Action,
            RoomId = record.RoomId,
            TargetId = record.TargetId,
            Detail = record.Detail,
        }));
        return reply;
    }

    /// <inheritdoc />
    public override async Task<RecordAuditReply> RecordAudit(AuditEntry request, ServerCallContext context)
    {
        if (request is not { Id.Length: > 0, ActorId.Length: > 0, Action.Length: > 0, AtMs: > 0 }
            || !new[] { request.Id, request.ActorId, request.Action, request.RoomId, request.TargetId, request.Detail }.All(text => IsStorable(text, MaxTokenIdChars)))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"id, time, actor and action are needed, each of at most {MaxTokenIdChars} characters");
        }

        await audit.AddAsync(
            new AuditRecord(request.Id, request.AtMs, request.ActorId, request.Action, request.RoomId, request.TargetId, request.Detail), CancellationToken.None);
        return new RecordAuditReply();
    }

    private static bool IsStorable(string text, int maxChars) => text.Length <= maxChars && !text.Any(char.IsControl);
}
