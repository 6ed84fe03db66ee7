using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>A POST with an <c>Idempotency-Key</c> is carried out once: one that comes again, to whatever node, has the first one's answer.</summary>
/// <remarks>For all but messages, whose key is in the room's log for ever. The key is of the user, the method and the path. Only success is kept; a refusal gives the
/// key back, and so does a node that dies of the request, after <c>30 s</c>: then it is carried out again.</remarks>
internal sealed partial class KeptAnswers(RequestService.RequestServiceClient requests, ILogger<KeptAnswers> logger) : IEndpointFilter
{
    /// <summary>Says that the answer is that of an earlier request.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    private const int RetryAfterMs = 1_000;

    /// <summary>A request with this key has not been answered yet.</summary>
    internal static readonly Refused UnderWay = new(
        ErrorCode.Unavailable, "a request with this Idempotency-Key is under way", RetryAfterMs, StatusCodes.Status409Conflict);

    /// <inheritdoc />
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!IdempotencyKey.TryRead(http.Request, out var key))
        {
            return new Refused(ErrorCode.BadRequest, IdempotencyKey.Rule);
        }

        if (key is null || http.Features.Get<Caller>() is not { } caller)
        {
            return await next(context);
        }

        var body = await HttpCommands.ReadAllAsync(http.Request, http.RequestAborted);
        http.Request.Body = new MemoryStream(body);
        var begin = new BeginRequestRequest
        {
            UserId = caller.UserId,
            RequestId = DigestOf(Encoding.UTF8.GetBytes($"{http.Request.Method}\0{http.Request.Path.Value}\0{key}")),
            Fingerprint = DigestOf(body),
            Claim = Guid.NewGuid().ToString("N"),
            Unlimited = caller.IsPrivileged,
        };
        var known = await requests.BeginRequestAsync(begin, deadline: Deadline(), cancellationToken: http.RequestAborted);
        switch (known.State)
        {
            case BeginRequestReply.Types.State.Taken:
                return await RunAsync(begin, context, next);
            case BeginRequestReply.Types.State.Done:
                http.Response.Headers[ReplayedHeader] = "true";
                return HttpJson.Kept(KeptAnswer.Parser.ParseFrom(known.Answer));
            case BeginRequestReply.Types.State.Other:
                return IdempotencyKey.Reused;
            default:
                return UnderWay;
        }
    }

    // To its end, also when the client goes in the middle: that is the one who comes again.
    private async Task<object?> RunAsync(BeginRequestRequest begun, EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        for (var index = 0; index < context.Arguments.Count; index++)
        {
            context.Arguments[index] = context.Arguments[index] is CancellationToken ? CancellationToken.None : context.Arguments[index];
        }

        object? result = null;
        try
        {
            return result = await next(context);
        }
        finally
        {
            await TryFinishAsync(begun, result is HttpJson answer ? answer.Keep().ToByteString() : ByteString.Empty);
        }
    }

    // What was done is done: who cannot be told so is asked again when the time of this attempt is over.
    private async Task TryFinishAsync(BeginRequestRequest begun, ByteString answer)
    {
        try
        {
            var finish = new FinishRequestRequest { UserId = begun.UserId, RequestId = begun.RequestId, Claim = begun.Claim, Answer = answer };
            await requests.FinishRequestAsync(finish, deadline: Deadline());
        }
        catch (RpcException exception)
        {
            LogNotKept(exception.Status.Detail);
        }
    }

    private static string DigestOf(byte[] bytes) => Base64Url.EncodeToString(SHA256.HashData(bytes));

    private static DateTime Deadline() => DateTime.UtcNow + HttpDoor.ReadDeadline;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The answer to a request with a key is not kept: {Reason}")]
    private partial void LogNotKept(string reason);
}
