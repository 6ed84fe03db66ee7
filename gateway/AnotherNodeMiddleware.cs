using Tertulia.Contracts;
using Tertulia.Hosting;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway;

/// <summary>Whether there is another node to ask when this one does not take the request.</summary>
internal sealed record NodeChoice(bool HasOthers);

/// <summary>When a node cannot be reached or goes away, the next one is tried; when there is none, the client is told so in the common form.</summary>
/// <remarks>A node that was killed has the fewest requests of all, so that until the probes notice, the choice of two prefers it, just
/// when its clients come back. Only handshakes and reads are tried again: any other request may have been carried out.</remarks>
internal sealed class AnotherNodeMiddleware(RequestDelegate next, Telemetry telemetry)
{
    private const long RetryAfterMs = 1_000;

    public async Task InvokeAsync(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        var nodes = proxy.AvailableDestinations;
        context.Features.Set(new NodeChoice(nodes.Count > 1));
        await next(context);

        while (CanTryAnother(context) && proxy.ProxiedDestination is { } failed)
        {
            nodes = [.. nodes.Where(node => node != failed)];
            if (nodes.Count == 0)
            {
                break;
            }

            telemetry.Retried();
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear();
            proxy.AvailableDestinations = nodes;
            proxy.ProxiedDestination = null;
            context.Features.Set(new NodeChoice(nodes.Count > 1));
            await next(context);
        }

        if (context.Features.Get<IForwarderErrorFeature>() is not null && !context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            context.Response.Clear();
            await Problems.WriteAsync(context, ErrorCode.Unavailable, "no node could be reached", RetryAfterMs);
        }
    }

    private static bool CanTryAnother(HttpContext context) =>
        context.Features.Get<IForwarderErrorFeature>() is { Error: ForwarderError.Request }
        && !context.Response.HasStarted
        && !context.RequestAborted.IsCancellationRequested
        && (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method) || HttpMethods.IsConnect(context.Request.Method));
}
