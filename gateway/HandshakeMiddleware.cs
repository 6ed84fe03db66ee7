using Microsoft.AspNetCore.Http.Features;
using Tertulia.Link;

namespace Tertulia.Gateway;

/// <summary>Answers 426 to a request for a WebSocket that no node could take: over HTTP/1.0 (RFC 6455, 4.1), of another version, or without a key.</summary>
/// <remarks>The forwarder would make a new handshake of it, with a right version and key of its own.</remarks>
internal sealed class HandshakeMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } || !WebSocketRequest.Asks(context.Request))
        {
            return next(context);
        }

        if (WebSocketRequest.Of(context) is null)
        {
            return WebSocketRequest.AskForUpgradeAsync(context);
        }

        context.Request.Headers.Upgrade = "websocket"; // Of several tokens, which the forwarder does not look through.
        return next(context);
    }
}
