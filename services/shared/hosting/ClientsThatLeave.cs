using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Tertulia.Hosting;

/// <summary>A client that goes in the middle of its request is no failure: no answer is read, and the log gets no stack.</summary>
internal sealed partial class ClientsThatLeave(RequestDelegate next, ILogger<ClientsThatLeave> logger)
{
    // For the metrics of requests only: the client is gone. Proxies use the same code.
    private const int ClientClosedRequest = 499;

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (HasLeft(context, exception))
        {
            LogLeft(context.Request.Method, context.Request.Path.Value);
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = ClientClosedRequest;
            }
        }
    }

    private static bool HasLeft(HttpContext context, Exception exception) =>
        exception is ConnectionResetException
        || (exception is IOException or OperationCanceledException && context.RequestAborted.IsCancellationRequested);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method} {Path}: the client left before the answer")]
    private partial void LogLeft(string method, string? path);
}
