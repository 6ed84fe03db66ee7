using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>What applications tell to those who are in the room.</content>
internal sealed partial class RoomBinding
{
    /// <summary>Tells the members of this node, except for the connection that it comes from. Who is only entering is not in the room yet.</summary>
    public void OnBroadcast(Ephemeral ephemeral)
    {
        var broadcast = ephemeral.Broadcast;
        var serverEvent = new BroadcastEvent(RoomId, ephemeral.UserId, ephemeral.Username, broadcast.Event, broadcast.Payload.Memory);
        lock (Gate)
        {
            foreach (var member in _members.Span)
            {
                if (member.State == MemberState.Live && member.Session.ConnectionId != broadcast.ConnectionId)
                {
                    member.Session.Send(serverEvent);
                }
            }
        }
    }
}
