using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Sql;

/// <summary>A read that the store does not answer is <c>unavailable</c> to the caller, who may try again.</summary>
public sealed partial class StoreInterceptor(ILogger<StoreInterceptor> logger) : Interceptor
{
    private const uint RetryAfterMs = 1_000;

    /// <inheritdoc />
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (StoreUnavailableException exception)
        {
            LogUnavailable(exception, context.Method);
            throw RpcErrors.Refuse(ErrorCode.Unavailable, retryAfterMs: RetryAfterMs);
        }
        catch (StoreRejectedException exception)
        {
            LogRejected(exception, context.Method);
            throw RpcErrors.Refuse(ErrorCode.BadRequest);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Method}: the store does not answer")]
    private partial void LogUnavailable(Exception exception, string method);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method}: the store does not take the request's values")]
    private partial void LogRejected(Exception exception, string method);
}
