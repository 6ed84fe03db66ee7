using Microsoft.Net.Http.Headers;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Connections.Doors.Native;

/// <summary><c>GET /ws</c>, <c>GET /ws/notifications</c> and <c>GET /ws/{room_id}</c>: the plain WebSocket way in (PROTOCOL §2, §3).</summary>
internal sealed partial class NativeSocket(
    NativeDoor door, SocketAdmission admission, SessionSweeper sweeper, ILogger<NativeSocket> logger)
{
    private const string RoomParameter = "room_id";
    private const string Notifications = "notifications";

    // CONNECT: over HTTP/2 (RFC 8441).
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Connect];

    public static void Map(IEndpointRouteBuilder app)
    {
        var services = app.ServiceProvider; // The root: the scope of a request would be kept as long as the socket.
        app.MapMethods("/ws", Methods, AcceptAsync);
        app.MapMethods($"/ws/{{{RoomParameter}}}", Methods, AcceptAsync);

        Task AcceptAsync(HttpContext context) => services.GetRequiredService<NativeSocket>().AcceptAsync(context);
    }

    /// <summary>Serves one client until it is gone; answers 426 to what is not a WebSocket.</summary>
    private async Task AcceptAsync(HttpContext context)
    {
        if (WebSocketRequest.Of(context) is not { } request)
        {
            await WebSocketRequest.AskForUpgradeAsync(context);
            return;
        }

        Client client;
        Stream transport;
        try
        {
            (client, transport) = await AdmitAsync(context, request);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            LogLeft();
            return;
        }
        catch (Exception exception)
        {
            LogFailed(exception);
            return;
        }

        if (Handover.Of(context) is { } handover)
        {
            handover.Take(socket => ServeAsync(client, socket));
            return;
        }

        Forget(context.Request);
        await ServeAsync(client, new UpgradedSocket(transport, context.Abort, context.RequestAborted));
    }

    /// <returns>The client, counted unless it is refused, and the upgraded request's bytes.</returns>
    private async Task<(Client Client, Stream Transport)> AdmitAsync(HttpContext context, WebSocketRequest request)
    {
        var headers = context.Request.Headers;
        var roomId = context.GetRouteValue(RoomParameter) as string;
        var isForNotifications = roomId == Notifications; // Not a route of its own: routes are matched in whatever case, and `Notifications` is a room.
        var subprotocol = Subprotocol.Choose(headers.GetCommaSeparatedValues(HeaderNames.SecWebSocketProtocol));
        var extensions = door.Sockets.Compression ? DeflateOffer.Answer(headers.GetCommaSeparatedValues(HeaderNames.SecWebSocketExtensions)) : null;
        var (opening, refusal) = await admission.AdmitAsync(context, isForNotifications ? null : roomId, subprotocol.Refusal, context.RequestAborted);
        var client = new Client(opening with { IsForNotifications = isForNotifications }, refusal, extensions is not null);
        try
        {
            return (client, await request.AcceptAsync(subprotocol.Selected, extensions));
        }
        catch
        {
            Leave(client, opening.Caller);
            throw;
        }
    }

    private async Task ServeAsync(Client client, UpgradedSocket socket)
    {
        var caller = client.Opening.Caller;
        try
        {
            using var connection = new NativeConnection(door, socket, client.Compressed, client.Opening);
            sweeper.Add(connection.Session);
            try
            {
                await (client.Refusal is null ? connection.RunAsync(socket.Closed) : connection.RefuseAsync(client.Refusal));
            }
            finally
            {
                sweeper.Remove(connection.Session);
                caller = connection.Session.Caller;
            }
        }
        catch (OperationCanceledException) when (socket.Closed.IsCancellationRequested)
        {
            LogLeft();
        }
        catch (Exception exception)
        {
            LogFailed(exception);
        }
        finally
        {
            Leave(client, caller);
        }
    }

    private void Leave(Client client, Caller? caller)
    {
        if (client.Refusal is null)
        {
            admission.Leave(caller, client.Opening.Address);
        }
    }

    /// <summary>Drops what the server would keep in memory as long as the socket: cookies, and the token.</summary>
    private static void Forget(HttpRequest request)
    {
        request.Headers.Clear();
        request.QueryString = default;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "A client left before it was let in")]
    private partial void LogLeft();

    [LoggerMessage(Level = LogLevel.Error, Message = "A connection failed")]
    private partial void LogFailed(Exception exception);

    /// <summary>A client at the door.</summary>
    private sealed record Client(SessionOpening Opening, SocketRefusal? Refusal, bool Compressed);
}
