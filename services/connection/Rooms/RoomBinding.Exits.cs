using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>Who may not be in the room any more is out at the entry that says so.</content>
internal sealed partial class RoomBinding
{
    private void PutOut(RoomEvent entry)
    {
        if (entry.BodyCase == RoomEvent.BodyOneofCase.RoomDeleted)
        {
            PutOut(Exit.Deleted, userId: null, entry.Seq);
        }
        else if (Exit.Of(entry.Member) is { } exit)
        {
            PutOut(exit, entry.Member.UserId, entry.Seq);
        }
    }

    // Who was let in again after the entry stays: an entry that had to be read from the log comes after the answer to a later join.
    private void PutOut(Exit exit, string? userId, long seq)
    {
        List<RoomMember>? leaving = null; // The list of members changes when one leaves.
        foreach (var member in _members.Span)
        {
            if ((userId is null || member.UserId == userId) && seq > member.Place.Seq)
            {
                (leaving ??= []).Add(member);
            }
        }

        leaving?.ForEach(member =>
        {
            if (member.Place == Place.Unknown)
            {
                member.ExitDue = new ExitAt(exit, seq); // Whether it was let in before or after the entry, the answer says.
            }
            else
            {
                exits.PutOut(member, exit);
            }
        });
    }
}
