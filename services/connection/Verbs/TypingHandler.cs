using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>typing</c>.</summary>
internal sealed class TypingHandler(TypingTracker typing, TimeProvider time) : MemberHandler<TypingCommand>
{
    /// <inheritdoc />
    protected override void Handle(RoomMember member, Caller caller, TypingCommand command)
    {
        var isLive = member.State == MemberState.Live; // Who enters has no place yet, and is not told to the others.
        if (isLive && command.IsTyping && member.Place.MayType(caller, member.Room, time.GetUtcNow().ToUnixTimeMilliseconds()) is not ErrorCode.Unspecified and var refusal)
        {
            Refuse(member.Session, command, refusal, roomId: member.Room.RoomId);
            return;
        }

        if (isLive)
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
