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
    public ConnectedEvent Connected(Session session, Caller caller, RoomView view, string role)
    {
        var room = new RoomSummary
        {
            RoomId = view.RoomId, Epoch = view.Snapshot.Epoch, Seq = view.Snapshot.Seq, Role = role,
            ReadSeq = view.Snapshot.Mark?.ReadSeq ?? 0, Unread = view.Snapshot.Mark?.Unread ?? 0,
        };
        var shown = view.Fit(OverheadOf(caller) + EventSize.Of(room));
        room.Seq = shown.Seq;
        return Connected(session, caller, [room]) with { Room = view, Shown = shown };
    }

    /// <summary>Greets a session on <c>/ws</c>, with the rooms its user is a member of: as many as fit into the first event, the others in events that follow as the
    /// client reads them.</summary>
    /// <remarks>Without the message service the list is empty and the session works: the client knows the rooms it wants.</remarks>
    public async Task GreetAsync(Session session, Caller caller)
    {
        try
        {
            using var making = await session.MakeAnswerAsync(session.Ended);
            using var marks = session.Marks.Begin();
            var page = await TryReadRoomsAsync(session, caller, after: "");
            var rooms = page?.Rooms ?? [];
            var first = EventSize.Fit(rooms, 0, ServerEvent.MaxBytes - OverheadOf(caller));
            var hasMore = page is { HasMore: true } || first.Count < rooms.Count;
            await session.AnswerAsync(Connected(session, caller, first) with { HasMoreRooms = hasMore, TotalUnread = page?.TotalUnread }, session.Ended);
            marks.Sent(roomId => ReadSeqOf(first, roomId));
            for (var told = first.Count; page is not null && hasMore;)
            {
                if (told == page.Rooms.Count)
                {
                    var after = page.Rooms[^1].RoomId;
                    (page, told) = (await TryReadRoomsAsync(session, session.Caller ?? caller, after), 0);
                    if (page is null || (page.Rooms.Count == 0 && page.HasMore))
                    {
                        session.Send(new ErrorEvent(ErrorCode.Unavailable, "the list of rooms is not complete"));
                        return;
                    }
                }

                var next = EventSize.Fit(page.Rooms, told, ServerEvent.MaxBytes - EventSize.Overhead);
                told += next.Count;
                hasMore = page.HasMore || told < page.Rooms.Count;
                await session.AnswerAsync(new RoomsEvent(next, hasMore), session.Ended);
                marks.Sent(roomId => ReadSeqOf(next, roomId));
            }
        }
        catch (OperationCanceledException) when (session.Ended.IsCancellationRequested)
        {
            return; // The client is gone.
        }
    }

    /// <summary><c>connected</c> on <c>/ws/notifications</c>.</summary>
    public ConnectedEvent Connected(Session session, Caller caller, Inbox notifications) => Connected(session, caller, []) with { Notifications = notifications };

    private async Task<ListRoomsReply?> TryReadRoomsAsync(Session session, Caller caller, string after)
    {
        try
        {
            var request = new ListRoomsRequest { Actor = caller.ToActor(""), AfterRoomId = after, Scope = caller.ToScope() };
            return await messages.ListRoomsAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: session.Ended);
        }
        catch (RpcException) when (session.Ended.IsCancellationRequested)
        {
            throw new OperationCanceledException(session.Ended);
        }
        catch (RpcException exception)
        {
            LogUnknown(exception.Status.Detail);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(exception);
        }

        return null;
    }

    private static long? ReadSeqOf(IReadOnlyList<RoomSummary> rooms, string roomId) => rooms.FirstOrDefault(room => room.RoomId == roomId)?.ReadSeq;

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
