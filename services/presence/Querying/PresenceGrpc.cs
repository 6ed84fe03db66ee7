using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Querying;

/// <summary>Answers from this replica's memory.</summary>
/// <remarks>Refuses with <c>unavailable</c> until the picture is complete, so that the caller's next attempt goes to another replica.</remarks>
internal sealed class PresenceGrpc(PresenceLoop loop, IOptions<PresenceOptions> options) : PresenceService.PresenceServiceBase
{
    private const int MaxLocated = 1_000;

    public override Task<RoomPresence> GetRoom(GetRoomRequest request, ServerCallContext context) =>
        AskAsync(map => Room(map, request.RoomId, Math.Min(request.Limit, (uint)options.Value.LargeRoomUsers)), context);

    public override Task<UserPresence> GetUser(GetUserRequest request, ServerCallContext context) =>
        AskAsync(map => User(map, request.UserId), context);

    public override Task<LocateUsersReply> LocateUsers(LocateUsersRequest request, ServerCallContext context) =>
        request.UserIds.Count <= MaxLocated
            ? AskAsync(map => Locate(map, request.UserIds), context)
            : throw RpcErrors.Refuse(ErrorCode.BadRequest, $"user_ids has {MaxLocated} at most");

    public override Task<Stats> GetStats(GetStatsRequest request, ServerCallContext context) =>
        AskAsync(map => StatsReply.From(map, options.Value.StatsRooms), context);

    private Task<T> AskAsync<T>(Func<PresenceMap, T> question, ServerCallContext context) =>
        loop.Settled
            ? loop.AskAsync(question, context.CancellationToken)
            : throw RpcErrors.Refuse(ErrorCode.Unavailable, "presence is waiting for the nodes to announce themselves");

    /// <summary>The users of a room; above the limit only how many there are.</summary>
    internal static RoomPresence Room(PresenceMap map, string roomId, uint limit)
    {
        var reply = new RoomPresence { RoomId = roomId };
        if (map.Rooms.TryGetValue(roomId, out var room))
        {
            reply.Online = (uint)room.Users.Count;
            if (reply.Online <= limit)
            {
                reply.Users.AddRange(room.Users.ToArray().Select(user => PresenceMap.Online(user.UserId, user.Username)));
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
        var reply = new UserPresence();
        if (map.Users.TryGetValue(userId, out var user))
        {
            reply.Connections = (uint)user.Nodes.Total;
            reply.NodeIds.AddRange(user.Nodes.ToArray().Select(node => node.NodeId).Order(StringComparer.Ordinal));
        }

        return reply;
    }
}
