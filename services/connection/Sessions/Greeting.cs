using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>The first frame of an authenticated session: <c>connected</c>.</summary>
internal sealed partial class Greeting(
    MessageService.MessageServiceClient messages, IOptions<LimitOptions> limits, IOptions<HeartbeatOptions> heartbeat, TimeProvider time,
    ILogger<Greeting> logger)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    /// <summary><c>connected</c> on <c>/ws/{room_id}</c>, where it is the answer to entering the room.</summary>
    /// <param name="session">Who is greeted.</param>
    /// <param name="caller">As whom.</param>
    /// <param name="view">What it is shown.</param>
    /// <param name="role">In the room.</param>
    /// <param name="taken">Messages of the snapshot that are in it: see <see cref="RoomView.FitHistory"/>.</param>
    public ConnectedEvent Connected(Session session, Caller caller, RoomView view, string role, out int taken)
    {
        var room = new RoomSummary { RoomId = view.RoomId, Epoch = view.Snapshot.Epoch, Seq = view.Snapshot.Seq, Role = role };
        var history = view.FitHistory(OverheadOf(caller) + EventSize.Of(room), out taken);
        return Connected(session, caller, [room]) with { Room = view, History = history };
    }

    /// <summary>Greets a session on <c>/ws</c>, with the rooms its user is a member of.</summary>
    /// <remarks>Without the message service the list is empty and the session works: the client knows the rooms it wants.</remarks>
    public async Task GreetAsync(Session session, Caller caller)
    {
        IReadOnlyList<RoomSummary> rooms = [];
        try
        {
            var request = new ListRoomsRequest { Actor = caller.ToActor("") };
            var reply = await messages.ListRoomsAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: session.Ended);
            rooms = reply.Rooms;
        }
        catch (RpcException exception)
        {
            LogUnknown(exception.Status.Detail);
        }
        catch (Exception exception)
        {
            LogFailed(exception);
        }

        session.Send(Connected(session, caller, EventSize.Fit(rooms, 0, ServerEvent.MaxBytes - OverheadOf(caller))));
    }

    private ConnectedEvent Connected(Session session, Caller caller, IReadOnlyList<RoomSummary> rooms) => new()
    {
        ConnectionId = session.ConnectionId,
        SessionId = session.ConnectionId,
        User = caller,
        Limits = limits.Value,
        Heartbeat = heartbeat.Value.Interval,
        ServerTime = time.GetUtcNow(),
        Rooms = rooms,
    };

    private static int OverheadOf(Caller caller) =>
        (2 * EventSize.Overhead) + EventSize.Of(caller.UserId) + EventSize.Of(caller.Username) + EventSize.Of(caller.Avatar ?? "");

    [LoggerMessage(Level = LogLevel.Warning, Message = "A client is greeted without its rooms: {Reason}")]
    private partial void LogUnknown(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A client is greeted without its rooms")]
    private partial void LogFailed(Exception exception);
}
