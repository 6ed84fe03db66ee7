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
/// which seq the node receives everything; the snapshot, read later, reaches at least that far; what waited and is not in it follows.</remarks>
internal sealed partial class JoinFlow(
    RoomHub hub, SubmitBatcher batcher, TypingTracker typing, PresenceReporter reporter, RoomPresent present, Greeting greeting,
    MessageService.MessageServiceClient messages, IOptions<SubmitOptions> options, TimeProvider time, ILogger<JoinFlow> logger) : IDisposable
{
    private const int PacedAbove = 64 * 1024; // A long resume must not fill the outbox: it waits for the client to read.
    private const int MaxReads = 64; // When all clients of a node come back at once, their snapshots wait here, not in the message service with a deadline running.
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _reads = new(MaxReads);

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
    public void Leave(RoomMember member)
    {
        typing.OnLeft(member);
        if (hub.Leave(member) && member.Announced)
        {
            reporter.Leave(member.Session.ConnectionId, member.Room.RoomId);
        }
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
            Refuse(member, entrance, new Refusal { Code = ErrorCode.NotMember });
        }
    }

    private async Task EnterAsync(RoomMember member, Caller caller, Entrance entrance, bool again)
    {
        var ended = member.Session.Ended;
        Refusal? refusal;
        try
        {
            refusal = await TryEnterAsync(member, caller, entrance, ended);
        }
        catch (Exception exception) when (ended.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            return; // The session's end has taken the member out.
        }
        catch (RpcException exception)
        {
            refusal = RpcErrors.ToRefusal(exception);
        }
        catch (Exception exception)
        {
            LogFailed(exception, member.Room.RoomId);
            refusal = new Refusal { Code = ErrorCode.Internal };
        }

        if (refusal is null)
        {
            return;
        }

        if (again)
        {
            lock (member.Room.Gate)
            {
                member.GoLive(serverEvent: null, seq: 0); // It stays where it was.
            }
        }
        else
        {
            Leave(member);
        }

        Refuse(member, entrance, refusal);
    }

    /// <returns>Null when the member is in the room, or has left meanwhile.</returns>
    private async Task<Refusal?> TryEnterAsync(RoomMember member, Caller caller, Entrance entrance, CancellationToken cancellationToken)
    {
        var roomId = member.Room.RoomId;
        var actor = caller.ToActor(roomId);
        var join = new PendingJoin();
        if (!batcher.TrySubmit(new Command { RoomId = roomId, Actor = actor, Join = new JoinRoom() }, join))
        {
            return new Refusal { Code = ErrorCode.Overloaded, RetryAfterMs = (uint)options.Value.RetryAfter.TotalMilliseconds };
        }

        var outcome = await join.Outcome.WaitAsync(cancellationToken);
        if (outcome.Joined is not { } joined)
        {
            return outcome.Refused;
        }

        if (!TryAnnounce(member))
        {
            return null;
        }

        var request = new GetSnapshotRequest { RoomId = roomId, Actor = actor, Since = entrance.Since, History = entrance.History };
        var view = await ReadAsync(member.Room, caller, request, cancellationToken);
        await ShowAsync(member, caller, entrance, view, joined.Role, cancellationToken);
        return null;
    }

    private async Task<RoomView> ReadAsync(RoomBinding room, Caller caller, GetSnapshotRequest request, CancellationToken cancellationToken)
    {
        await _reads.WaitAsync(cancellationToken);
        try
        {
            var call = new CallOptions(deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            var reading = messages.GetSnapshotAsync(request, call).ResponseAsync;
            var looking = present.InRoomAsync(room, caller, cancellationToken);
            await Task.WhenAll(reading, looking);
            var (users, online) = await looking;
            return new RoomView(room.RoomId, await reading, users, online);
        }
        finally
        {
            _reads.Release();
        }
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
                reporter.Enter(member.Session.ConnectionId, member.Room.RoomId);
            }

            return true;
        }
    }

    private async Task ShowAsync(
        RoomMember member, Caller caller, Entrance entrance, RoomView view, string role, CancellationToken cancellationToken)
    {
        var snapshot = view.Snapshot;
        ServerEvent shown = entrance.Greets
            ? greeting.Connected(member.Session, caller, view, role, out var taken)
            : JoinedEvent.Fit(view, entrance.Reference, out taken);

        // What was missed and does not fit comes one by one; of a history, the client pages what does not fit.
        for (var next = taken; snapshot.Recovered && next < snapshot.Messages.Count; next++)
        {
            await SendAsync(member, shown, cancellationToken);
            shown = new MessageStateEvent(view.RoomId, snapshot.Epoch, snapshot.Messages[next]);
        }

        if (snapshot.Gap is { } gap)
        {
            await SendAsync(member, shown, cancellationToken);
            shown = new GapEvent(view.RoomId, snapshot.Epoch, gap.FromSeq, gap.ToSeq);
        }

        using var batch = DeliveryBatch.Begin();
        lock (member.Room.Gate)
        {
            member.GoLive(shown, snapshot.Seq);
        }
    }

    private async Task SendAsync(RoomMember member, ServerEvent serverEvent, CancellationToken cancellationToken)
    {
        while (member.Session.Outbox.WaitingBytes > PacedAbove)
        {
            await Task.Delay(Pace, time, cancellationToken);
        }

        if (member.State != MemberState.Left)
        {
            member.Session.Send(serverEvent);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _reads.Dispose();

    private static void Refuse(RoomMember member, Entrance entrance, Refusal refusal)
    {
        var session = member.Session;
        session.Send(new ErrorEvent(refusal.Code, refusal.Detail, entrance.Reference, (int)refusal.RetryAfterMs, member.Room.RoomId));
        if (!entrance.Greets)
        {
            return;
        }

        var code = refusal.Code switch
        {
            ErrorCode.Banned => CloseCode.Revoked,
            _ when ErrorCatalog.Of(refusal.Code).Temporary => CloseCode.Internal, // Come back: 1000 would say that it is over.
            _ => CloseCode.Normal,
        };
        session.Close(code, ErrorCatalog.Of(refusal.Code).Name);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Entering room {RoomId} failed")]
    private partial void LogFailed(Exception exception, string roomId);
}
