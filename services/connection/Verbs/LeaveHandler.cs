using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary><c>leave</c>.</summary>
internal sealed class LeaveHandler(JoinFlow joins) : MemberHandler<LeaveCommand>
{
    /// <inheritdoc />
    public override Allowance Allowance => Allowance.Move;

    /// <inheritdoc />
    protected override void Handle(RoomMember member, Caller caller, LeaveCommand command)
    {
        joins.Leave(member);
        member.Session.Rooms.Remove(member.Room.RoomId);
        member.Session.Send(new LeftEvent(member.Room.RoomId, command.Ref));
    }
}
