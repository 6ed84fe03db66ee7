using Grpc.Core;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Who is in a room, for a user who enters it. Without the presence service: whom this node knows.</summary>
internal sealed partial class RoomPresent(
    PresenceService.PresenceServiceClient presence, PresenceReporter reporter, TimeProvider time, ILogger<RoomPresent> logger)
{
    /// <summary>Users that are listed; of more only the number is told.</summary>
    public const int MaxListed = 100;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    // The replicas send changes of the room to this node from the moment they know of the member; asking earlier could miss somebody.
    private static readonly TimeSpan ReportPatience = TimeSpan.FromMilliseconds(250);

    /// <returns>The users, the caller included, or nobody in a large room; and how many they are.</returns>
    public async Task<(IReadOnlyList<PresentUser> Users, uint Online)> InRoomAsync(RoomBinding room, Caller caller, CancellationToken cancellationToken)
    {
        try
        {
            await reporter.ReportedAsync().WaitAsync(ReportPatience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var request = new GetRoomRequest { RoomId = room.RoomId, Limit = MaxListed };
            var reply = await presence.GetRoomAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            return reply.Users.Count < reply.Online ? ([], reply.Online) : WithCaller([.. reply.Users], caller);
        }
        catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogUnknown(exception.Status.Detail, room.RoomId);
            return WithCaller(room.LocalUsers(MaxListed), caller);
        }
    }

    private static (IReadOnlyList<PresentUser> Users, uint Online) WithCaller(List<PresentUser> users, Caller caller)
    {
        if (!users.Exists(user => user.UserId == caller.UserId))
        {
            users.Add(new PresentUser { UserId = caller.UserId, Username = caller.Username, Status = "online" });
        }

        return (users, (uint)users.Count);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Room {RoomId}: the presence service does not answer ({Reason}), only this node's users are shown")]
    private partial void LogUnknown(string reason, string roomId);
}
