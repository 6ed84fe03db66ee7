using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>A user's place in a room, as the node knows it.</summary>
/// <param name="Seq">Of the entry that it is known from.</param>
/// <param name="Role"><c>owner</c>, <c>moderator</c>, <c>member</c>, <c>guest</c>; empty for none.</param>
/// <param name="Muted">May not speak.</param>
/// <param name="MutedUntilMs">When the mute ends, Unix milliseconds; 0 when it does not end by itself.</param>
internal sealed record Place(long Seq, string Role, bool Muted, long MutedUntilMs)
{
    /// <summary>Before anything is known.</summary>
    public static Place Unknown { get; } = new(0, "", Muted: false, 0);

    /// <summary>Whether the user may show that it types: as the row of the table of permissions says (docs/permissions.md).</summary>
    /// <returns>Unspecified, or why not.</returns>
    public ErrorCode MayType(Caller caller, RoomBinding room, long nowMs)
    {
        if (caller.IsPrivileged)
        {
            return ErrorCode.Unspecified;
        }

        var grant = caller.Grants?.For(room.RoomId);
        if (grant is { Write: false })
        {
            return ErrorCode.Forbidden;
        }

        if (Muted && (MutedUntilMs == 0 || nowMs < MutedUntilMs))
        {
            return ErrorCode.Muted;
        }

        var moderates = Role is "owner" or "moderator" || grant is { Moderate: true };
        return room.IsArchived || (room.IsAuditorium && !moderates) ? ErrorCode.Forbidden : ErrorCode.Unspecified;
    }
}
