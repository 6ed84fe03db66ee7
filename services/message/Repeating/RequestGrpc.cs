using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Repeating;

/// <summary>The gRPC service of requests that carry a key, answered by any replica from the store.</summary>
internal sealed class RequestGrpc(IRequestRecords records, TimeProvider time) : RequestService.RequestServiceBase
{
    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    /// <summary>How long an attempt that says nothing more has its request: longer than a node waits for the outcome of a command.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>Kept answers of one user at most.</summary>
    internal const int MaxRecords = 10_000;

    /// <summary>Bytes of an answer at most.</summary>
    internal const int MaxAnswerBytes = 64 * 1024;

    private const int MaxIdChars = 64;
    private const int MaxUserIdChars = 128;

    /// <inheritdoc />
    public override async Task<BeginRequestReply> BeginRequest(BeginRequestRequest request, ServerCallContext context)
    {
        Require(request.UserId, request.RequestId, request.Claim);
        Require(request.UserId, request.Fingerprint, request.Claim);
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        var claim = new RequestClaim(request.UserId, request.RequestId, request.Fingerprint, request.Claim, nowMs, nowMs + (long)Lease.TotalMilliseconds);
        var (taken, known) = await records.BeginAsync(claim, request.Unlimited ? int.MaxValue : MaxRecords, CancellationToken.None);
        if (!taken && known is null)
        {
            throw RpcErrors.Refuse(ErrorCode.LimitExceeded, $"{MaxRecords} requests with a key are remembered of one user");
        }

        return known switch
        {
            null => new BeginRequestReply { State = BeginRequestReply.Types.State.Taken },
            _ when known.Fingerprint != request.Fingerprint => new BeginRequestReply { State = BeginRequestReply.Types.State.Other },
            { Answer.Length: 0 } => new BeginRequestReply { State = BeginRequestReply.Types.State.UnderWay },
            _ => new BeginRequestReply { State = BeginRequestReply.Types.State.Done, Answer = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(known.Answer) },
        };
    }

    /// <inheritdoc />
    public override async Task<FinishRequestReply> FinishRequest(FinishRequestRequest request, ServerCallContext context)
    {
        Require(request.UserId, request.RequestId, request.Claim);
        if (request.Answer.Length > MaxAnswerBytes)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"an answer has at most {MaxAnswerBytes} bytes");
        }

        if (request.Answer.IsEmpty)
        {
            await records.ReleaseAsync(request.UserId, request.RequestId, request.Claim, CancellationToken.None);
        }
        else
        {
            var untilMs = (time.GetUtcNow() + Kept).ToUnixTimeMilliseconds();
            await records.FinishAsync(request.UserId, request.RequestId, request.Claim, request.Answer.ToByteArray(), untilMs, CancellationToken.None);
        }

        return new FinishRequestReply();
    }

    private static void Require(string userId, string id, string claim)
    {
        if (!IsStorable(userId, MaxUserIdChars) || !IsStorable(id, MaxIdChars) || !IsStorable(claim, MaxIdChars))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, "ids have 1 to 64 characters, that of the user 1 to 128, without control characters");
        }
    }

    private static bool IsStorable(string text, int maxChars) => text.Length > 0 && text.Length <= maxChars && !text.Any(char.IsControl);
}
