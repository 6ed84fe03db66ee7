using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Whether those who are in a room may stay. After <c>auth_refresh</c>: takes the session out of each room that its new token would not let it enter, and tells it with <c>error</c> and <c>left</c>.</summary>
/// <remarks>What the token grants is decided here, by the rule of the message service; where the room's own rules decide, the message service is asked.</remarks>
internal sealed class RoomReview(JoinFlow joins, SubmitBatcher batcher)
{
    private const string Detail = "the new token does not allow this room";

    /// <summary>Called with the session's own frames only.</summary>
    /// <param name="session">Its caller is the new one already.</param>
    /// <param name="before">The caller that entered the rooms.</param>
    /// <param name="now">The caller of the new token.</param>
    public void Review(Session session, Caller before, Caller now)
    {
        if (now.IsPrivileged)
        {
            return;
        }

        foreach (var (roomId, member) in session.Rooms) // Removing while enumerating is allowed for a Dictionary.
        {
            if (member.State == MemberState.Left)
            {
                continue;
            }

            if (now.ToActor(roomId).Grant is { } grant)
            {
                if (!grant.Read)
                {
                    session.Rooms.Remove(roomId);
                    PutOut(member, new Refusal { Code = ErrorCode.Forbidden, Detail = Detail });
                }
            }
            else if (before.Grants is not null || before.IsPrivileged)
            {
                var earlier = member.Entering;
                member.Entering = session.Calls.Run(() => AskAsync(member, now, earlier));
            }
        }
    }

    /// <summary>Entries of the room cannot be read, and may have said that somebody is out: the message service is asked for each member.</summary>
    public void Review(RoomBinding room)
    {
        foreach (var member in room.Members())
        {
            if (member.Session.Caller is { } caller)
            {
                member.Session.Calls.Start(() => AskAsync(member, caller, Task.CompletedTask, stays: true));
            }
        }
    }

    private async Task AskAsync(RoomMember member, Caller now, Task earlier, bool stays = false)
    {
        await earlier;
        var session = member.Session;
        var roomId = member.Room.RoomId;
        var join = new PendingJoin();
        if (!batcher.TrySubmit(new Command { RoomId = roomId, Actor = now.ToActor(roomId), Join = new JoinRoom { Stays = stays } }, join))
        {
            PutOut(member, new Refusal { Code = ErrorCode.Overloaded }); // It may come back: until it is known that it may stay, it does not.
            return;
        }

        try
        {
            var outcome = await join.Outcome.WaitAsync(session.Ended);
            if (outcome.Refused is { } refusal)
            {
                PutOut(member, refusal);
            }
            else if (outcome.Joined is { } joined)
            {
                lock (member.Room.Gate)
                {
                    member.Place = new Place(joined.Seq, joined.Role, joined.Muted, joined.MutedUntilMs);
                }
            }
        }
        catch (OperationCanceledException) when (session.Ended.IsCancellationRequested)
        {
            return; // The session's end has taken the member out.
        }
    }

    private void PutOut(RoomMember member, Refusal refusal)
    {
        if (member.State == MemberState.Left)
        {
            return;
        }

        joins.PutOut(member, refusal);
        var roomId = member.Room.RoomId;
        member.Session.Send(ErrorEvent.Of(refusal, reference: null, roomId));
        member.Session.Send(new LeftEvent(roomId, Ref: null));
    }
}
