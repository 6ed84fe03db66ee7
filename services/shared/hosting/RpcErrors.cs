using Google.Protobuf;
using Grpc.Core;
using Tertulia.Contracts;

namespace Tertulia.Hosting;

/// <summary>Refusals across gRPC: a status for the infrastructure, the exact refusal in a trailer.</summary>
public static class RpcErrors
{
    private const string Trailer = "tertulia-refusal-bin";

    /// <summary>The exception a gRPC handler throws to refuse.</summary>
    public static RpcException Refuse(ErrorCode code, string detail = "", uint retryAfterMs = 0)
    {
        var refusal = new Refusal { Code = code, Detail = detail, RetryAfterMs = retryAfterMs };
        var trailers = new Metadata { { Trailer, refusal.ToByteArray() } };
        return new RpcException(new Status(StatusOf(code), ErrorCatalog.Of(code).Message), trailers);
    }

    /// <summary>What a failed call means to the client: the refusal it carries, else <c>unavailable</c> or <c>internal</c>.</summary>
    public static Refusal ToRefusal(RpcException exception)
    {
        foreach (var entry in exception.Trailers)
        {
            if (entry.IsBinary && entry.Key == Trailer)
            {
                return Refusal.Parser.ParseFrom(entry.ValueBytes);
            }
        }

        var temporary = exception.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled;
        return new Refusal { Code = temporary ? ErrorCode.Unavailable : ErrorCode.Internal };
    }

    private static StatusCode StatusOf(ErrorCode code) => ErrorCatalog.Of(code).Status switch
    {
        400 or 413 => StatusCode.InvalidArgument,
        401 => StatusCode.Unauthenticated,
        403 => StatusCode.PermissionDenied,
        404 => StatusCode.NotFound,
        409 => StatusCode.Aborted,
        429 => StatusCode.ResourceExhausted,
        503 => StatusCode.Unavailable,
        _ => StatusCode.Internal,
    };
}
