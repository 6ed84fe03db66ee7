using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>Who may not be in the room any more is out at the entry that says so.</content>
internal sealed partial class RoomBinding
{
    private void PutOut(RoomEvent entry)
    {
        if (entry.BodyCase == RoomEvent.BodyOneofCase.RoomDeleted)
        {
            PutOut(Exit.Deleted, userId: null);
        }
        else if (Exit.Of(entry.Member) is { } exit)
        {
            PutOut(exit, entry.Member.UserId);
        }
    }

    private void PutOut(Exit exit, string? userId)
    {
        List<RoomMember>? leaving = null; // The list of members changes when one leaves.
        foreach (var member in _members.Span)
        {
            if (userId is null || member.UserId == userId)
            {
                (leaving ??= []).Add(member);
            }
        }

        leaving?.ForEach(member => exits.PutOut(member, exit));
    }
}
