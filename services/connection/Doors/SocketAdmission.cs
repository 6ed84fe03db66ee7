using System.Net;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors;

/// <summary>Why a socket is closed as soon as it is open. It is opened at all because a browser does not show its page why a handshake failed.</summary>
internal sealed record SocketRefusal(ErrorCode Error, CloseCode Close, string? Detail = null);

/// <summary>Decides whether a client may come in, and as whom.</summary>
internal sealed class SocketAdmission(
    OriginRules origins, RequestIdentity identity, ConnectionCounts counts, Readiness readiness)
{
    private const int MaxGatewayIdChars = 128;

    // Other things than rooms live, or will live, at these places.
    private static readonly string[] Reserved = ["stats", "notifications"];

    /// <summary>Decides. An admitted client is counted, as is its user when it is known: <see cref="Leave"/> when it is gone.</summary>
    /// <param name="context">The request.</param>
    /// <param name="roomId">Of the URL; null when it names none.</param>
    /// <param name="unspoken">Why the client and this node do not understand each other; null when they do.</param>
    /// <param name="cancellationToken">Stops the deciding.</param>
    public async ValueTask<(SessionOpening Opening, SocketRefusal? Refusal)> AdmitAsync(
        HttpContext context, string? roomId, SocketRefusal? unspoken, CancellationToken cancellationToken)
    {
        var (address, host) = ForwardedClient.Of(context);
        var opening = new SessionOpening(null, roomId, SinceOf(context.Request.Query), GatewayOf(context.Request), address);
        if (CheckRequest(context.Request, host, roomId, unspoken) is { } refusal)
        {
            return (opening, refusal);
        }

        var (caller, error) = await identity.OfAsync(context.Request, cancellationToken);
        if (error != ErrorCode.Unspecified)
        {
            return (opening, new SocketRefusal(error, CloseOf(error)));
        }

        opening = opening with { Caller = caller };
        return (opening, Count(caller, address));
    }

    /// <summary>An admitted client is gone.</summary>
    /// <param name="caller">Who it was at the end; null when it never said.</param>
    /// <param name="address">Its address.</param>
    public void Leave(Caller? caller, IPAddress? address)
    {
        counts.Remove(address);
        if (caller is not null)
        {
            counts.RemoveUser(caller.UserId);
        }
    }

    private SocketRefusal? CheckRequest(HttpRequest request, string host, string? roomId, SocketRefusal? unspoken)
    {
        if (readiness.Draining)
        {
            return new SocketRefusal(ErrorCode.Unavailable, CloseCode.Draining, "This node is going away");
        }

        if (!origins.Allows(request.Headers.Origin, host))
        {
            return new SocketRefusal(ErrorCode.Forbidden, CloseCode.OriginNotAllowed, "Pages of this origin may not connect");
        }

        return unspoken ?? (roomId is null || (RoomIdFormat.IsValid(roomId) && !Reserved.Contains(roomId, StringComparer.Ordinal))
            ? null
            : new SocketRefusal(ErrorCode.BadRequest, CloseCode.Normal, $"{RoomIdFormat.Rule}, and is not a reserved name"));
    }

    private SocketRefusal? Count(Caller? caller, IPAddress? address)
    {
        if (!counts.TryAdd(address))
        {
            return new SocketRefusal(ErrorCode.LimitExceeded, CloseCode.ConnectionLimit, "Too many connections");
        }

        if (caller is null || counts.TryAddUser(caller.UserId))
        {
            return null;
        }

        counts.Remove(address);
        return new SocketRefusal(ErrorCode.LimitExceeded, CloseCode.ConnectionLimit, "Too many connections of this user");
    }

    private static CloseCode CloseOf(ErrorCode error) => error switch
    {
        ErrorCode.TokenExpired => CloseCode.TokenExpired,
        ErrorCode.TokenRevoked => CloseCode.Revoked,
        ErrorCode.Unavailable => CloseCode.Internal, // The issuer's keys: not the client's fault, it comes back.
        _ => CloseCode.InvalidToken,
    };

    // A position that is none is as good as none: the answer says recovered:false.
    private static Position? SinceOf(IQueryCollection query) =>
        long.TryParse(query["last_seq"], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var seq)
        && seq <= PositionFormat.MaxSeq && query["epoch"].ToString() is var epoch && epoch.Length <= PositionFormat.MaxEpochChars
            ? new Position { Epoch = epoch, Seq = seq }
            : null;

    private static string? GatewayOf(HttpRequest request) =>
        request.Headers[InternalAuthSetup.GatewayIdHeader].ToString() is { Length: > 0 and <= MaxGatewayIdChars } gatewayId ? gatewayId : null;
}
