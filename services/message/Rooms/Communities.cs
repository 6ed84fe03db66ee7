using Tertulia.Contracts;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>A community is its rooms. The one with the community's own id, its main room, says who belongs to it, who sees it and who adds rooms to it.</summary>
internal static class Communities
{
    /// <summary>Whether a room is the main room of the community that it belongs to.</summary>
    public static bool IsMain(string roomId, string community) => community.Length > 0 && roomId == community;

    /// <summary>The main room of a community; null when there is none.</summary>
    public static RoomHead? MainOf(string community, Dictionary<string, RoomHead> rooms) =>
        rooms.TryGetValue(community, out var head) && !head.IsDeleted && head.Settings?.Community == community ? head : null;

    /// <summary>Whether a user may enter a room, or has been asked to: so much of it is shown to the user.</summary>
    /// <returns><see cref="ErrorCode.Unspecified"/> means yes.</returns>
    public static ErrorCode CheckSees(Actor actor, in RoomHead head, in Membership membership)
    {
        var code = RoomPermissions.Check(actor, head.Kind, membership, RoomAction.Enter);
        return code == ErrorCode.Forbidden && membership.InvitedBy.Length > 0 && actor.Grant is null or { Read: true } ? ErrorCode.Unspecified : code;
    }
}
