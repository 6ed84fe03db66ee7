using System.Net;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>How a client came in, before it is a session.</summary>
/// <param name="Caller">Who it is; null when no token came with the request: it must send <c>auth</c> within the limit.</param>
/// <param name="RoomId">Room of the URL, entered at once; null for <c>/ws</c>.</param>
/// <param name="Since">Position of <c>?last_seq=&amp;epoch=</c>; null when absent.</param>
/// <param name="GatewayId">The gateway that forwarded it (<c>X-Gateway-Id</c>); null when there is none.</param>
/// <param name="Address">The client's address, after forwarded headers.</param>
internal sealed record SessionOpening(Caller? Caller, string? RoomId, Position? Since, string? GatewayId, IPAddress? Address)
{
    /// <summary>It wants to be told of notifications, and enters no room by itself.</summary>
    public bool IsForNotifications { get; init; }
}

/// <summary>What a way in (native socket, later Socket.IO and polling) reports of one client. Calls for one session never overlap.</summary>
internal interface ISessionFlow
{
    /// <summary>The transport is open. Starts to greet the client (<c>connected</c>); events may be sent to it from now on, and it may be closed by the flow.</summary>
    ValueTask OpenedAsync(Session session, CancellationToken cancellationToken);

    /// <summary>One command that is well formed. Does not wait for the broker: answers come through the session's outbox.</summary>
    ValueTask OnCommandAsync(Session session, ClientCommand command, CancellationToken cancellationToken);

    /// <summary>The transport is gone, for whatever reason. Called once for each opened session.</summary>
    ValueTask ClosedAsync(Session session);
}
