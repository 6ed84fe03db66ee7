using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
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
            return;
        }

        if (member.State == MemberState.Live)
        {
            typing.OnMember(member, command.IsTyping);
        }

        if (command.Ref is { } reference)
        {
            lock (member.Room.Gate)
            {
                member.Reply(new TypingTakenEvent(member.Room.RoomId, command.IsTyping, reference));
            }
        }
    }
}
