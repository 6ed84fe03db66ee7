using Tertulia.Connections.Explaining;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>What became of an entry, for who asks why somebody did not see it.</content>
internal sealed partial class RoomBinding
{
    /// <summary>What became of an entry for each connection that is in the room.</summary>
    /// <param name="epoch">Of the seq.</param>
    /// <param name="seq">The entry's.</param>
    /// <param name="leftOut">Ids of connections that it was not given to because too much was waiting for them.</param>
    /// <param name="connections">Receives an element for each.</param>
    /// <returns>The last seq that the room delivered here; 0 when it is of another epoch.</returns>
    public long Explain(string epoch, long seq, IReadOnlyList<string> leftOut, List<ConnectionTrail> connections)
    {
        lock (Gate)
        {
            if (epoch != Epoch)
            {
                return 0;
            }

            foreach (var member in _members.Span)
            {
                connections.Add(new ConnectionTrail
                {
                    ConnectionId = member.Session.ConnectionId,
                    UserId = member.UserId,
                    Outcome = member.Explain(seq, leftOut.Contains(member.Session.ConnectionId, StringComparer.Ordinal)),
                });
            }

            return LastSeq;
        }
    }

    // Once for an entry, whatever the number of members.
    private void Remember(RoomEvent entry, int connections, List<string>? leftOut)
    {
        if (log.IsOn)
        {
            log.Add(new Delivery(RoomId, Epoch, entry.Seq, _epochOwner, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), connections, leftOut));
        }
    }

    private void Remember(RoomMember gone) =>
        log.Add(new Departure(RoomId, gone.Session.ConnectionId, gone.UserId, gone.ShownSeq, LastSeq, Epoch));
}
