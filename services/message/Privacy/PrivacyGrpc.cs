using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Privacy;

/// <summary>The gRPC service of what is known of users, answered by any replica from the store. Who may ask is decided at the door.</summary>
internal sealed class PrivacyGrpc(
    UserExport export, MessageDatabase database, IRevocationStore revocations, OwnedPartitions owned, ReadGate gate, TimeProvider time) : PrivacyService.PrivacyServiceBase
{
    private const int MaxIdChars = 128;
    private const int MaxOpen = 100;
    private const int MaxRevocations = Revoking.SecurityGrpc.MaxRevocations;

    private IErasures Erasures => database.Erasures;

    public override Task<ExportUserReply> ExportUser(ExportUserRequest request, ServerCallContext context)
    {
        Check(request.UserId);
        return gate.RunAsync(() => export.PageAsync(request, CancellationToken.None), context.CancellationToken);
    }

    public override async Task<UserErasure> EraseUser(EraseUserRequest request, ServerCallContext context)
    {
        Check(request.UserId);
        Check(request.Actor?.UserId ?? "");
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (request.RevokeUntilMs <= nowMs)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, "revoke_until_ms is over");
        }

        if (await Erasures.FindAsync(request.UserId, context.CancellationToken) is not { CompletedAtMs: 0 })
        {
            // First of all the user is out. Asked for again after a failure in between, it is done once more.
            var revocation = new Revocation { UserId = request.UserId, RevokedAtMs = nowMs, ExpiresAtMs = request.RevokeUntilMs };
            if (await revocations.AddAsync(revocation, request.Actor!.UserId, "deletion", MaxRevocations, CancellationToken.None) is null)
            {
                throw RpcErrors.Refuse(ErrorCode.LimitExceeded, $"there are {MaxRevocations} revocations that have not ended");
            }

            var record = new AuditRecord(
                Guid.CreateVersion7(time.GetUtcNow()).ToString(), nowMs, request.Actor.UserId, "user_deleted", "", request.UserId, request.KeepsMessages ? "messages kept" : "");
            await Erasures.BeginAsync(new Erasure(request.UserId, request.Actor.UserId, request.KeepsMessages, nowMs), owned.Count, record, CancellationToken.None);
        }

        return await StateAsync(request.UserId, context.CancellationToken);
    }

    public override Task<UserErasure> GetErasure(GetErasureRequest request, ServerCallContext context)
    {
        Check(request.UserId);
        return StateAsync(request.UserId, context.CancellationToken);
    }

    public override async Task<ListErasuresReply> ListErasures(ListErasuresRequest request, ServerCallContext context) => new()
    {
        UserIds =
        {
            (await Erasures.ListOpenAsync(MaxOpen, context.CancellationToken)).Where(erasure => erasure is { RoomsDone: true, NotificationsDone: false })
                .Select(erasure => erasure.UserId),
        },
    };

    public override async Task<ConfirmErasureReply> ConfirmErasure(ConfirmErasureRequest request, ServerCallContext context)
    {
        Check(request.UserId);
        await Erasures.NoteAsync(request.UserId, ErasureStep.Notifications, time.GetUtcNow().ToUnixTimeMilliseconds(), CancellationToken.None);
        return new ConfirmErasureReply();
    }

    private async Task<UserErasure> StateAsync(string userId, CancellationToken cancellationToken)
    {
        if (await Erasures.FindAsync(userId, cancellationToken) is not { } erasure)
        {
            return new UserErasure { UserId = userId, State = "none" };
        }

        var parts = await Erasures.ReadPartsAsync(userId, cancellationToken);
        return new UserErasure
        {
            UserId = userId,
            State = erasure.CompletedAtMs > 0 ? "done" : "running",
            RequestedAtMs = erasure.RequestedAtMs,
            RequestedBy = erasure.RequestedBy,
            CompletedAtMs = erasure.CompletedAtMs,
            Parts = (uint)parts.Count,
            PartsDone = (uint)parts.Count(part => part.IsDone),
            KeepsMessages = erasure.KeepsMessages,
        };
    }

    private static void Check(string userId)
    {
        if (userId.Length is 0 or > MaxIdChars || userId.Any(char.IsControl))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"a user id has 1 to {MaxIdChars} characters");
        }
    }
}
