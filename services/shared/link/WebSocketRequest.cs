using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Net.Http.Headers;
using Tertulia.Contracts;

namespace Tertulia.Link;

/// <summary>A request for a WebSocket, over HTTP/1.1 (RFC 6455, 4.2) or HTTP/2 (RFC 8441).</summary>
public sealed class WebSocketRequest
{
    private const string Version = "13";
    private const int KeyBytes = 16;
    private const string KeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, 1.3.

    private readonly HttpContext _context;
    private readonly IHttpUpgradeFeature? _upgrade;
    private readonly IHttpExtendedConnectFeature? _connect;

    private WebSocketRequest(HttpContext context, IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect)
    {
        (_context, _upgrade, _connect) = (context, upgrade, connect);
    }

    /// <summary>Whether the request's headers ask for a WebSocket over HTTP/1.1, rightly or not.</summary>
    public static bool Asks(HttpRequest request) =>
        request.Headers.GetCommaSeparatedValues(HeaderNames.Upgrade).Contains("websocket", StringComparer.OrdinalIgnoreCase);

    /// <summary>Looks whether a request asks for a WebSocket.</summary>
    /// <returns>Null when it does not, or not of version 13, or over HTTP/1.0.</returns>
    public static WebSocketRequest? Of(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.SecWebSocketVersion != Version)
        {
            return null;
        }

        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect)
        {
            return string.Equals(connect.Protocol, "websocket", StringComparison.OrdinalIgnoreCase) ? new WebSocketRequest(context, null, connect) : null;
        }

        return context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } upgrade
            && HttpProtocol.IsHttp11(context.Request.Protocol)
            && HttpMethods.IsGet(context.Request.Method)
            && Asks(context.Request)
            && IsKey(headers.SecWebSocketKey)
                ? new WebSocketRequest(context, upgrade, null)
                : null;
    }

    /// <summary>Answers 426 to what is no such request.</summary>
    public static Task AskForUpgradeAsync(HttpContext context)
    {
        var entry = ErrorCatalog.Of(ErrorCode.BadRequest);
        if (HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            context.Response.Headers.Connection = "Upgrade"; // RFC 9110, 7.8; HTTP/1.0 and HTTP/2 know neither of the two.
            context.Response.Headers.Upgrade = "websocket";
        }

        context.Response.Headers.SecWebSocketVersion = Version;
        return TypedResults.Problem(
            "This is a WebSocket endpoint (RFC 6455, version 13, over HTTP/1.1 or HTTP/2)", statusCode: StatusCodes.Status426UpgradeRequired, title: "Upgrade required",
            type: $"urn:tertulia:error:{entry.Name}",
            extensions: new Dictionary<string, object?> { ["code"] = (int)entry.Code, ["name"] = entry.Name, ["temporary"] = entry.Temporary })
            .ExecuteAsync(context);
    }

    /// <summary>Accepts it.</summary>
    /// <param name="subprotocol">The one that is spoken; null when none was offered.</param>
    /// <param name="extensions">The extension that was agreed; null when none.</param>
    /// <returns>The transport, in both directions.</returns>
    public async Task<Stream> AcceptAsync(string? subprotocol, string? extensions)
    {
        var headers = _context.Response.Headers;
        if (subprotocol is not null)
        {
            headers.SecWebSocketProtocol = subprotocol;
        }

        if (extensions is not null)
        {
            headers.SecWebSocketExtensions = extensions;
        }

        LiftRequestLimits();
        if (_connect is not null)
        {
            return await _connect.AcceptAsync();
        }

        headers.Upgrade = "websocket";
        headers.SecWebSocketAccept = AcceptKey(_context.Request.Headers.SecWebSocketKey!);
        return await _upgrade!.UpgradeAsync();
    }

    /// <summary>Proves that the server has understood the request (RFC 6455, 4.2.2).</summary>
    internal static string AcceptKey(string key)
    {
#pragma warning disable CA5350 // SHA-1 as the protocol demands; nothing is protected by it.
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + KeySuffix)));
#pragma warning restore CA5350
    }

    private static bool IsKey(string? key)
    {
        Span<byte> bytes = stackalloc byte[KeyBytes + 2];
        return key is { Length: 24 } && Convert.TryFromBase64String(key, bytes, out var length) && length == KeyBytes;
    }

    // Over HTTP/2 the socket is the request's body, and a chat is a long and slow one.
    private void LiftRequestLimits()
    {
        if (_context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (_connect is not null && _context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }
}
