using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Existence;
using Tertulia.Presence.Status;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Querying;

/// <summary>Answers from this replica's memory.</summary>
/// <remarks>Refuses with <c>unavailable</c> until the picture is complete, so that the caller's next attempt goes to another replica.</remarks>
internal sealed class PresenceGrpc(
    PresenceLoop loop, StatusSetter setter, UserQuery users, ExistenceStream existence, IHostApplicationLifetime lifetime, IOptions<PresenceOptions> options)
    : PresenceService.PresenceServiceBase
{
    private const int MaxLocated = 1_000;
    private const int MaxUsers = 500; // PROTOCOL §3: of one watch.

    public override Task<RoomPresence> GetRoom(GetRoomRequest request, ServerCallContext context) =>
        AskAsync(map => Room(map, request.RoomId, Math.Min(request.Limit, (uint)options.Value.LargeRoomUsers), request.UserId), context);

    public override Task<UserPresence> GetUser(GetUserRequest request, ServerCallContext context) =>
        AskAsync(map => User(map, request.UserId), context);

    public override Task<LocateUsersReply> LocateUsers(LocateUsersRequest request, ServerCallContext context) =>
        request.UserIds.Count <= MaxLocated
            ? AskAsync(map => Locate(map, request.UserIds), context)
            : throw RpcErrors.Refuse(ErrorCode.BadRequest, $"user_ids has {MaxLocated} at most");

    public override Task<UsersPresence> GetUsers(GetUsersRequest request, ServerCallContext context) =>
        request.UserIds.Count <= MaxUsers
            ? ShownAsync(request.UserIds, context.CancellationToken)
            : throw RpcErrors.Refuse(ErrorCode.BadRequest, $"at most {MaxUsers} users");

    public override Task<FocusReply> GetFocus(GetFocusRequest request, ServerCallContext context) =>
        AskAsync(map => new FocusReply { RoomIds = { map.FocusOf(request.UserId) } }, context);

    public override Task<ChosenStatus> SetStatus(SetStatusRequest request, ServerCallContext context)
    {
        RequireSettled();
        return setter.SetAsync(request, context.CancellationToken);
    }

    public override async Task<ForgetUserReply> ForgetUser(ForgetUserRequest request, ServerCallContext context)
    {
        RequireSettled();
        await setter.ForgetAsync(request.UserId, context.CancellationToken);
        return new ForgetUserReply();
    }

    public override Task<Stats> GetStats(GetStatsRequest request, ServerCallContext context) =>
        AskAsync(map => StatsReply.From(map, options.Value.StatsRooms), context);

    public override async Task FollowExistence(FollowExistenceRequest request, IServerStreamWriter<ExistencePart> responseStream, ServerCallContext context)
    {
        RequireSettled();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        await existence.WriteAsync(responseStream.WriteAsync, ending.Token);
    }

    private Task<UsersPresence> ShownAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        RequireSettled();
        return users.ShownAsync(userIds, cancellationToken);
    }

    private Task<T> AskAsync<T>(Func<PresenceMap, T> question, ServerCallContext context)
    {
        RequireSettled();
        return loop.AskAsync(question, context.CancellationToken);
    }

    private void RequireSettled()
    {
        if (!loop.Settled)
        {
            throw RpcErrors.Refuse(ErrorCode.Unavailable, "presence is waiting for the nodes to announce themselves");
        }
    }

    /// <summary>The users of a room; above the limit, and in an auditorium, only how many there are.</summary>
    internal static RoomPresence Room(PresenceMap map, string roomId, uint limit, string asker = "")
    {
        var reply = new RoomPresence { RoomId = roomId, Chosen = asker.Length > 0 ? map.Statuses.Of(asker) : null };
        if (map.Rooms.TryGetValue(roomId, out var room))
        {
            reply.Online = (uint)room.Online;
            if (!room.IsAuditorium && reply.Online <= limit)
            {
                reply.Users.AddRange(room.Users.ToArray().Where(user => user.Look is not null).Select(user => user.Look!.Show(user.UserId, user.Username)));
            }
        }

        return reply;
    }

    /// <summary>The nodes of those users who have a connection.</summary>
    internal static LocateUsersReply Locate(PresenceMap map, IEnumerable<string> userIds)
    {
        var reply = new LocateUsersReply();
        foreach (var userId in userIds)
        {
            if (map.Users.TryGetValue(userId, out var user))
            {
                reply.Users.Add(new UserNodes { UserId = userId, NodeIds = { user.Nodes.ToArray().Select(node => node.NodeId) } });
            }
        }

        return reply;
    }

    private static UserPresence User(PresenceMap map, string userId)
    {
        var reply = new UserPresence { Invisible = map.Statuses.Find(userId) is { } chosen && map.Statuses.Current(chosen).Status == PresenceStatus.Invisible };
        if (map.Users.TryGetValue(userId, out var user))
        {
            reply.Connections = (uint)user.Nodes.Total;
            reply.NodeIds.AddRange(user.Nodes.ToArray().Select(node => node.NodeId).Order(StringComparer.Ordinal));
        }

        return reply;
    }
}
