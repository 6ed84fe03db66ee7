using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Answers what clients ask of lists of rooms. The message service decides what is shown; what mentions the user, and how the user wants to be told, comes
/// from the notification service, and is left out while that is away.</summary>
internal sealed class RoomListFlow(
    MessageService.MessageServiceClient messages, NotificationService.NotificationServiceClient notifications, PatientReads reads, SessionReads answers)
{
    /// <summary>Rooms of a page when the client does not say how many.</summary>
    public const int DefaultLimit = 50;

    private static readonly TimeSpan NoticesWithin = TimeSpan.FromSeconds(2);

    /// <summary>Starts to read a page of rooms; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, RoomsCommand command) => answers.StartPage(session, command.Ref, roomId: null, async () =>
    {
        using var marks = session.Marks.Begin();
        var page = await ListAsync(caller, command, session.Ended);
        await session.AnswerAsync(page, session.Ended);
        marks.Sent(roomId => page.Rooms.FirstOrDefault(room => room.Room.RoomId == roomId).Room?.ReadSeq);
    });

    /// <summary>Starts to read a room; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, string roomId, string? reference) => answers.StartPage(session, reference, roomId, async () =>
    {
        using var marks = session.Marks.Begin();
        var room = await DescribeAsync(caller, roomId, session.Ended);
        await session.AnswerAsync(new RoomDescribedEvent(room, reference), session.Ended);
        marks.Sent(shown => shown == roomId ? room.Room.ReadSeq : null);
    });

    /// <summary>Starts to read a page of communities; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, CommunitiesCommand command) => answers.StartPage(session, command.Ref, roomId: null, async () =>
        await session.AnswerAsync(CommunitiesEvent.Fit(await ListAsync(caller, command, session.Ended), command.Ref), session.Ended));

    /// <summary>A page of rooms, also without a session.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public async Task<RoomListEvent> ListAsync(Caller caller, RoomsCommand command, CancellationToken cancellationToken, int maxBytes = ServerEvent.MaxBytes - EventSize.Overhead)
    {
        var asked = new ListRoomDetailsRequest
        {
            Actor = ActorOf(caller), Scope = caller.ToScope(), Cursor = command.Cursor ?? "", Limit = command.Limit ?? DefaultLimit, Community = command.Community ?? "",
            Invited = command.Invited,
        };
        var page = await reads.BeginHistory().ReadAsync(options => messages.ListRoomDetailsAsync(asked, options), cancellationToken);
        return RoomListEvent.Fit(await WithNoticesAsync(caller, page.Rooms, cancellationToken), page.HasMore, command.Ref, maxBytes);
    }

    /// <summary>A room, also without a session.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public async Task<ListedRoom> DescribeAsync(Caller caller, string roomId, CancellationToken cancellationToken)
    {
        var asked = new DescribeRoomRequest { RoomId = roomId, Actor = caller.ToActor(roomId) };
        var room = await reads.BeginHistory().ReadAsync(options => messages.DescribeRoomAsync(asked, options), cancellationToken);
        return (await WithNoticesAsync(caller, [room], cancellationToken))[0];
    }

    /// <summary>A page of communities, also without a session.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public async Task<CommunitiesPage> ListAsync(Caller caller, CommunitiesCommand command, CancellationToken cancellationToken)
    {
        var asked = new ListCommunitiesRequest { Actor = ActorOf(caller), Scope = caller.ToScope(), After = command.Cursor ?? "", Limit = command.Limit ?? DefaultLimit };
        return await reads.BeginHistory().ReadAsync(options => messages.ListCommunitiesAsync(asked, options), cancellationToken);
    }

    // Of no room: the scope says what the token grants.
    private static Actor ActorOf(Caller caller) => new() { UserId = caller.UserId, Username = caller.Username, Role = caller.Role };

    private async Task<IReadOnlyList<ListedRoom>> WithNoticesAsync(Caller caller, IReadOnlyList<RoomDetails> rooms, CancellationToken cancellationToken)
    {
        string[] own = [.. rooms.Where(room => room.Role.Length > 0).Select(room => room.RoomId)];
        Dictionary<string, RoomNotices>? notices = [];
        if (own.Length > 0)
        {
            try
            {
                var asked = new GetRoomNoticesRequest { UserId = caller.UserId, RoomIds = { own } };
                var reply = await notifications.GetRoomNoticesAsync(asked, deadline: DateTime.UtcNow + NoticesWithin, cancellationToken: cancellationToken);
                notices = reply.Rooms.ToDictionary(room => room.RoomId, StringComparer.Ordinal);
            }
            catch (RpcException) when (!cancellationToken.IsCancellationRequested)
            {
                notices = null;
            }
        }

        return [.. rooms.Select(room => new ListedRoom(room, notices is null || room.Role.Length == 0 ? null : notices.GetValueOrDefault(room.RoomId, new RoomNotices())))];
    }
}
