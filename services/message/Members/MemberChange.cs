using Tertulia.Contracts;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Members;

/// <summary>Changes a user's place in a room in memory, and says it in an entry.</summary>
internal static class MemberChange
{
    /// <summary>Members of a room at most that are told of each member who comes or goes by itself: as many as are told of each user who is there.</summary>
    public const uint MaxTold = 200;

    /// <summary>The entry, without seq, time and user. The room counts its members and owners anew.</summary>
    public static RoomEvent Apply(
        RoomState room, MemberState member, in Membership now, MemberAction action, string username, string reason = "")
    {
        var before = member.Membership;
        room.Members = (uint)(room.Members + One(now.IsMember) - One(before.IsMember));
        room.Owners += One(now.Role == RoomRoles.Owner) - One(before.Role == RoomRoles.Owner);
        room.Invited += One(now.InvitedBy.Length > 0) - One(before.InvitedBy.Length > 0);
        (member.Membership, member.IsLoaded) = (now, true);
        return Entry(room, member, action, username, reason);
    }

    /// <summary>The entry that says what is so.</summary>
    public static RoomEvent Entry(RoomState room, MemberState member, MemberAction action, string username, string reason)
    {
        var now = member.Membership;
        return new RoomEvent
        {
            Member = new MemberChanged
            {
                UserId = member.UserId,
                Username = username,
                Role = now.Role,
                Members = room.Members,
                Action = action,
                Reason = reason,
                Banned = now.Banned,
                BannedUntilMs = now.BannedUntilMs,
                Muted = now.Muted,
                MutedUntilMs = now.MutedUntilMs,
                InvitedBy = now.InvitedBy,
                Quiet = action is MemberAction.Enter or MemberAction.Leave && (room.Members > MaxTold || room.Kind == RoomKinds.Auditorium),
            },
        };
    }

    private static int One(bool isSo) => isSo ? 1 : 0;
}
