using Tertulia.Connections.Announcing;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Takes members out of their room, wherever they are on their way.</summary>
internal sealed class RoomExits(TypingTracker typing, PresenceReporter reporter, TimeProvider time)
{
    /// <summary>The member leaves, was refused, or its socket is gone.</summary>
    public void TakeOut(RoomMember member)
    {
        typing.OnLeft(member);
        if (member.Room.Remove(member, time.GetTimestamp()) && member.Announced)
        {
            reporter.Leave(member.Session.ConnectionId, member.Room.RoomId);
        }
    }

    /// <summary>Takes out the member; an attempt to enter that is under way ends.</summary>
    public void Leave(RoomMember member)
    {
        TakeOut(member);
        if (member.Attempt is { } attempt)
        {
            member.Session.Calls.Start(attempt.CancelAsync); // Not here: what is cancelled may do something first.
        }
    }

    /// <summary>An entry of the room's log says that the member may not be there any more: nothing after it is told. Called with the room's lock held.</summary>
    public void PutOut(RoomMember member, Exit exit)
    {
        var roomId = member.Room.RoomId;
        member.PutOut = new Refusal { Code = exit.Code };
        Leave(member);
        member.Session.Send(new LeftEvent(roomId, Ref: null, exit.Reason));
        if (member.Session.Opening.RoomId == roomId)
        {
            member.Session.Close(exit.Close, exit.Reason);
        }
    }
}

/// <summary>A member is put out by an entry.</summary>
/// <param name="Exit">Why.</param>
/// <param name="Seq">The entry's.</param>
internal sealed record ExitAt(Exit Exit, long Seq);

/// <summary>Why a member is put out.</summary>
/// <param name="Reason">As the client is told.</param>
/// <param name="Code">What a join that was under way is refused with.</param>
/// <param name="Close">How a socket ends that has only this room.</param>
internal sealed record Exit(string Reason, ErrorCode Code, CloseCode Close)
{
    /// <summary>The room is deleted.</summary>
    public static Exit Deleted { get; } = new("deleted", ErrorCode.RoomNotFound, CloseCode.Normal);

    /// <summary>How the user of such an entry leaves; null when the user stays.</summary>
    public static Exit? Of(MemberChanged changed) => changed.Action switch
    {
        MemberAction.Kick => new Exit("kicked", ErrorCode.Forbidden, CloseCode.Kicked),
        MemberAction.Ban => new Exit("banned", ErrorCode.Banned, CloseCode.Revoked),
        MemberAction.Remove => new Exit("removed", ErrorCode.NotMember, CloseCode.Normal),
        MemberAction.Leave => new Exit("left", ErrorCode.NotMember, CloseCode.Normal),
        _ => null,
    };
}
