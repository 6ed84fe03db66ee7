using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <summary>Enters sessions into rooms without a gap, and takes them out again.</summary>
/// <remarks>The member is in the room before the command leaves, so that every event from then on waits for it. The room's writer admits it and says after
/// which seq the node receives everything; the snapshot, read later, reaches at least that far; what waited and is not in it follows. What is away
/// or late is tried again as long as the client is there, and patient: a join that is late is answered late.</remarks>
internal sealed partial class JoinFlow(
    RoomHub hub, RoomExits exits, SubmitBatcher batcher, PresenceReporter reporter, RoomShow show, Greeting greeting, PatientReads reads,
    IOptions<SubmitOptions> options, ILogger<JoinFlow> logger)
{
    /// <summary>Starts to enter a room. The command is on its way when this returns, so that what the client sends next comes after it.</summary>
    public void Enter(Session session, Caller caller, string roomId, Entrance entrance)
    {
        if (session.Rooms.TryGetValue(roomId, out var member) && member.State != MemberState.Left)
        {
            var earlier = member.Entering;
            member.Entering = session.Calls.Run(() => EnterAgainAsync(member, caller, entrance, earlier));
            return;
        }

        member = hub.Enter(session, roomId, caller.UserId);
        session.Rooms[roomId] = member;
        member.Entering = session.Calls.Run(() => EnterAsync(member, caller, entrance, again: false));
    }

    /// <summary>Takes a member out of its room, wherever it is on its way.</summary>
    public void Leave(RoomMember member) => exits.Leave(member);

    /// <summary>Takes a member out who may not be in the room any more, and is told so by the caller. A join that is under way is refused for the same reason.</summary>
    public void PutOut(RoomMember member, Refusal refusal)
    {
        member.PutOut = refusal;
        Leave(member);
    }

    // A client that asks again is shown the room again; what happens meanwhile waits as it did the first time.
    private async Task EnterAgainAsync(RoomMember member, Caller caller, Entrance entrance, Task earlier)
    {
        await earlier;
        bool stays;
        lock (member.Room.Gate)
        {
            stays = member.JoinAgain();
        }

        if (stays)
        {
            await EnterAsync(member, caller, entrance, again: true);
        }
        else
        {
            await RefuseAsync(member, caller, entrance, member.Refused ?? Left());
        }
    }

    private async Task EnterAsync(RoomMember member, Caller caller, Entrance entrance, bool again)
    {
        var ended = member.Session.Ended;
        var attempt = new CancellationTokenSource(); // Has no timer and no handle: nothing to dispose of, and Leave may cancel it at any time.
        member.Attempt = attempt;
        Refusal? refusal;
        await using (ended.UnsafeRegister(static attempt => ((CancellationTokenSource)attempt!).Cancel(), attempt))
        {
            refusal = await TryEnterAsync(member, caller, entrance, attempt.Token);
        }

        member.Attempt = null;
        if (refusal is null || ended.IsCancellationRequested)
        {
            return; // It is in, or the session's end has taken it out.
        }

        member.Refused = refusal;
        if (again)
        {
            lock (member.Room.Gate)
            {
                member.GoLive(serverEvent: null, seq: 0); // It stays where it was, unless it left.
            }
        }
        else
        {
            exits.TakeOut(member);
        }

        await RefuseAsync(member, caller, entrance, refusal);
    }

    /// <returns>Null when the member was answered: it is in the room, or was shown it and has left.</returns>
    private async Task<Refusal?> TryEnterAsync(RoomMember member, Caller caller, Entrance entrance, CancellationToken cancellationToken)
    {
        var patience = reads.Begin();
        while (true)
        {
            Refusal? refusal;
            try
            {
                refusal = await AdmitAndShowAsync(member, caller, entrance, patience, cancellationToken);
                if (refusal is null || !patience.Allows(refusal))
                {
                    return refusal;
                }

                await patience.WaitAsync(refusal, cancellationToken);
            }
            catch (Exception exception) when (cancellationToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
            {
                return Left();
            }
            catch (RpcException exception)
            {
                return RpcErrors.ToRefusal(exception);
            }
            catch (Exception exception)
            {
                LogFailed(exception, member.Room.RoomId);
                return new Refusal { Code = ErrorCode.Internal };
            }
        }
    }

    private async Task<Refusal?> AdmitAndShowAsync(
        RoomMember member, Caller caller, Entrance entrance, Patience patience, CancellationToken cancellationToken)
    {
        var roomId = member.Room.RoomId;
        var join = new PendingJoin();
        if (!batcher.TrySubmit(new Command { RoomId = roomId, Actor = caller.ToActor(roomId), Join = new JoinRoom() }, join))
        {
            return new Refusal { Code = ErrorCode.Overloaded, RetryAfterMs = (uint)options.Value.RetryAfter.TotalMilliseconds };
        }

        var outcome = await join.Outcome.WaitAsync(cancellationToken);
        if (outcome.Joined is not { } joined)
        {
            return outcome.Refused;
        }

        lock (member.Room.Gate)
        {
            member.Place = new Place(joined.Seq, joined.Role, joined.Muted, joined.MutedUntilMs);
            if (member.ExitDue is { } due && due.Seq > joined.Seq && member.State != MemberState.Left)
            {
                exits.PutOut(member, due.Exit);
            }

            member.ExitDue = null;
        }

        if (!TryAnnounce(member))
        {
            return Left();
        }

        return await show.RunAsync(member, caller, entrance, joined, patience, cancellationToken);
    }

    private bool TryAnnounce(RoomMember member)
    {
        lock (member.Room.Gate)
        {
            if (member.State == MemberState.Left)
            {
                return false;
            }

            if (!member.Announced)
            {
                member.Announced = true;
                reporter.Enter(member.Session.ConnectionId, member.Room.RoomId, member.Room.IsAuditorium);
            }

            return true;
        }
    }

    private async Task RefuseAsync(RoomMember member, Caller caller, Entrance entrance, Refusal refusal)
    {
        var session = member.Session;
        refusal = member.PutOut ?? refusal;
        if (entrance.Greets && refusal.Code == ErrorCode.NotMember)
        {
            await greeting.GreetAsync(session, caller); // It left the room of the URL before it was in it: it is greeted as on /ws.
            return;
        }

        if (member.PutOut is null || entrance.Reference is not null)
        {
            session.Send(new ErrorEvent(refusal.Code, refusal.Detail, entrance.Reference, (int)refusal.RetryAfterMs, member.Room.RoomId));
        }

        if (!entrance.Greets)
        {
            return;
        }

        var code = refusal.Code switch
        {
            ErrorCode.Banned => CloseCode.Revoked,
            ErrorCode.RateLimited => CloseCode.RateLimited,
            _ when ErrorCatalog.Of(refusal.Code).Temporary => CloseCode.Internal, // Come back: 1000 would say that it is over.
            _ => CloseCode.Normal,
        };
        session.Close(code, ErrorCatalog.Of(refusal.Code).Name);
    }

    /// <summary>The answer to a join whose member left before it was done.</summary>
    internal static Refusal Left() => new() { Code = ErrorCode.NotMember, Detail = "left before the join was done" };

    [LoggerMessage(Level = LogLevel.Error, Message = "Entering room {RoomId} failed")]
    private partial void LogFailed(Exception exception, string roomId);
}
