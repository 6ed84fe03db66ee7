using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Tertulia.Contracts;

namespace Tertulia.Hosting;

/// <summary>The edge of every gRPC service: what is not a refusal becomes <c>internal</c> and one log line, never a stack trace for the caller.</summary>
internal sealed partial class RpcExceptionInterceptor(ILogger<RpcExceptionInterceptor> logger) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (RpcException)
        {
            throw;
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "Cancelled by the caller"));
        }
        catch (Exception exception)
        {
            LogFailed(exception, context.Method);
            throw RpcErrors.Refuse(ErrorCode.Internal);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} failed")]
    private partial void LogFailed(Exception exception, string method);
}
