using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>A community is its rooms. The one with the community's own id, its main room, says who belongs to it, who sees it and who adds rooms to it.</summary>
internal static class Communities
{
    /// <summary>Whether a room is the main room of the community that it belongs to.</summary>
    public static bool IsMain(string roomId, string community) => community.Length > 0 && roomId == community;

    /// <summary>The main room of a community; null when there is none. A direct room is no community: nobody adds a room to it.</summary>
    public static RoomHead? MainOf(string community, Dictionary<string, RoomHead> rooms) =>
        rooms.TryGetValue(community, out var head) && !head.IsDeleted && (head.Settings?.Community == community || head.Kind == RoomKinds.Direct) ? head : null;

    /// <summary>Whether a user may add a room to a community: its main room's moderators say so, and where there is none anybody may.</summary>
    /// <param name="submitted">The command about the room.</param>
    /// <param name="community">The community that the room shall belong to.</param>
    /// <param name="grant">What the user's token grants in the main room; null when it says nothing of rooms.</param>
    /// <param name="flush">Has read the main room.</param>
    /// <returns>Null means yes.</returns>
    public static Refusal? CheckAdds(in Submitted submitted, string community, Grant? grant, Flush flush)
    {
        var actor = submitted.Command.Actor;
        if (community.Length == 0 || community == submitted.Room.RoomId
            || flush.MainRoomOf(community, actor.UserId) is not { Room: { } main, Membership: var place })
        {
            return null;
        }

        var code = RoomPermissions.Check(new Actor(actor) { Grant = grant }, main.Kind, place, RoomAction.AddChannel, main.Settings?.Archived == true);
        return code == ErrorCode.Unspecified ? null : new Refusal { Code = code, Detail = "the main room of the community says who adds rooms to it" };
    }

    /// <summary>Whether a user may enter a room, or has been asked to: so much of it is shown to the user.</summary>
    /// <returns><see cref="ErrorCode.Unspecified"/> means yes.</returns>
    public static ErrorCode CheckSees(Actor actor, in RoomHead head, in Membership membership)
    {
        var code = RoomPermissions.Check(actor, head.Kind, membership, RoomAction.Enter);
        return code == ErrorCode.Forbidden && membership.InvitedBy.Length > 0 && actor.Grant is null or { Read: true } ? ErrorCode.Unspecified : code;
    }
}
