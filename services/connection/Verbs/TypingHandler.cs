using Tertulia.Connections.Auth;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>typing</c>.</summary>
internal sealed class TypingHandler(TypingTracker typing) : MemberHandler<TypingCommand>
{
    /// <inheritdoc />
    protected override void Handle(RoomMember member, Caller caller, TypingCommand command)
    {
        if (caller.Grants?.For(member.Room.RoomId) is { Write: false } && caller.Role == "user")
        {
            Refuse(member.Session, command, ErrorCode.Forbidden, roomId: member.Room.RoomId);
        }
        else if (member.State == MemberState.Live)
        {
            typing.OnMember(member, command.IsTyping);
        }
    }
}
