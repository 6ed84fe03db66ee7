using Microsoft.AspNetCore.Http.Features;
using Tertulia.Contracts;
using Tertulia.Gateway.Draining;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Gateway.Limits;

/// <summary>Refuses with 429 what is above the limits of the client's address, before anything is forwarded.</summary>
internal sealed class ClientLimitsMiddleware(RequestDelegate next, ClientLimits limits, OpenSockets sockets, Telemetry telemetry)
{
    private const long SocketRetryAfterMs = 10_000;

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal))
        {
            await next(context); // Probes share the address of whatever is in front of the gateway.
            return;
        }

        var address = context.Connection.RemoteIpAddress;
        if (!limits.TryRequest(address, out var retryAfterMs))
        {
            telemetry.Refused();
            await Problems.WriteAsync(context, ErrorCode.RateLimited, "too many requests from this address", retryAfterMs);
        }
        else if (!IsWebSocket(context))
        {
            await next(context);
        }
        else if (limits.TryOpenSocket(address, out var place))
        {
            var handover = Handover.Of(context);
            var open = sockets.Open(handover is null ? context.Abort : handover.Abort);
            try
            {
                await next(context);
            }
            finally
            {
                if (handover is { IsTaken: true })
                {
                    handover.PutOff(() => Close(open, place));
                }
                else
                {
                    Close(open, place);
                }
            }
        }
        else
        {
            place?.Dispose(); // A lease of nothing.
            telemetry.Refused();
            await Problems.WriteAsync(context, ErrorCode.LimitExceeded, "too many open sockets from this address", SocketRetryAfterMs);
        }
    }

    private static void Close(IDisposable open, IDisposable? place)
    {
        place?.Dispose();
        open.Dispose(); // Afterwards: who sees it gone finds the place free.
    }

    // Over HTTP/1.1 an upgrade, over HTTP/2 an extended CONNECT (RFC 8441).
    private static bool IsWebSocket(HttpContext context) =>
        context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true }
        || (context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
            && WebSocketRequest.Asks(context.Request));
}
