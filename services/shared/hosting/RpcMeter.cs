using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Tertulia.Hosting;

/// <summary>How long calls between the services take, by the names of the semantic conventions for RPC. At both ends.</summary>
internal sealed class RpcMeter : Interceptor
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Rpc";

    private static readonly Meter Meter = new(MeterName);
    private static readonly Histogram<double> Server = Meter.CreateHistogram<double>(
        "rpc.server.call.duration", "s", "Time of a call that this process answered", tags: null, Buckets.Seconds);
    private static readonly Histogram<double> Client = Meter.CreateHistogram<double>(
        "rpc.client.call.duration", "s", "Time of a call of this process, all of its attempts together", tags: null, Buckets.Seconds);

    private static readonly KeyValuePair<string, object?> System = new("rpc.system.name", "grpc");

    /// <inheritdoc />
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var response = await continuation(request, context);
            Record(Server, started, context.Method, context.Status.StatusCode);
            return response;
        }
        catch (RpcException exception)
        {
            Record(Server, started, context.Method, exception.StatusCode);
            throw;
        }
    }

    /// <inheritdoc />
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        var started = Stopwatch.GetTimestamp();
        var call = continuation(request, context);
        return new AsyncUnaryCall<TResponse>(
            MeasureAsync(call.ResponseAsync, started, context.Method.FullName), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    private static async Task<TResponse> MeasureAsync<TResponse>(Task<TResponse> response, long started, string method)
    {
        try
        {
            var answer = await response;
            Record(Client, started, method, StatusCode.OK);
            return answer;
        }
        catch (RpcException exception)
        {
            Record(Client, started, method, exception.StatusCode);
            throw;
        }
    }

    // The names of the conventions have no leading slash, and the codes their own spelling.
    private static void Record(Histogram<double> duration, long started, string method, StatusCode status)
    {
        var name = new KeyValuePair<string, object?>("rpc.method", method[1..]);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (status == StatusCode.OK)
        {
            duration.Record(seconds, System, name);
            return;
        }

        var code = NameOf(status);
        duration.Record(seconds, System, name, new("rpc.response.status_code", code), new("error.type", code));
    }

    private static string NameOf(StatusCode status) => status switch
    {
        StatusCode.Cancelled => "CANCELLED",
        StatusCode.InvalidArgument => "INVALID_ARGUMENT",
        StatusCode.DeadlineExceeded => "DEADLINE_EXCEEDED",
        StatusCode.NotFound => "NOT_FOUND",
        StatusCode.AlreadyExists => "ALREADY_EXISTS",
        StatusCode.PermissionDenied => "PERMISSION_DENIED",
        StatusCode.ResourceExhausted => "RESOURCE_EXHAUSTED",
        StatusCode.FailedPrecondition => "FAILED_PRECONDITION",
        StatusCode.Aborted => "ABORTED",
        StatusCode.OutOfRange => "OUT_OF_RANGE",
        StatusCode.Unimplemented => "UNIMPLEMENTED",
        StatusCode.Internal => "INTERNAL",
        StatusCode.Unavailable => "UNAVAILABLE",
        StatusCode.DataLoss => "DATA_LOSS",
        StatusCode.Unauthenticated => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    };
}
