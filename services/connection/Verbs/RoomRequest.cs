using System.Diagnostics;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary>A command about a room, which the session need not have entered, that becomes an entry of the room's log.</summary>
/// <remarks>Whether the user may is decided by the message service. A session is told when it gave a <c>ref</c>, and of every refusal.</remarks>
internal abstract class RoomRequest<TCommand>(SubmitBatcher batcher) : RoomHandler<TCommand>, IRoomVerb
    where TCommand : RoomCommand
{
    /// <summary>A session is told also when it gave no <c>ref</c>.</summary>
    protected virtual bool AlwaysTells => false;

    /// <inheritdoc />
    public ErrorEvent? Submit(Caller caller, string roomId, RoomCommand command, IOutcomeSink sink)
    {
        var trace = CommandTrace.Receive(command);
        var submitted = new Command { RoomId = roomId, Actor = caller.ToActor(roomId) };
        if (Fill(caller, (TCommand)command, submitted) is { } refusal)
        {
            CommandTrace.Answered(trace, "refused", refusal.Code);
            return ErrorEvent.Of(refusal, command.Ref, roomId);
        }

        if (trace is not null)
        {
            CommandTrace.Create(trace, submitted);
        }

        if (batcher.TrySubmit(submitted, new Pending(this, (TCommand)command, roomId, sink, trace)))
        {
            return null;
        }

        CommandTrace.Answered(trace, "refused", ErrorCode.Overloaded);
        return new ErrorEvent(ErrorCode.Overloaded, Ref: command.Ref, RetryAfterMs: (int)batcher.RetryAfter.TotalMilliseconds, RoomId: roomId);
    }

    /// <summary>Fills in the command's body.</summary>
    /// <returns>Why it is refused; null when it is not.</returns>
    protected abstract Refusal? Fill(Caller caller, TCommand command, Command submitted);

    /// <summary>What the caller's token grants in the main room of a community; null when it says nothing of it.</summary>
    protected static Grant? GrantIn(Caller caller, string? community) => string.IsNullOrEmpty(community) ? null : caller.ToActor(community).Grant;

    /// <summary>What the client is told when it is done.</summary>
    /// <param name="command">What it asked for.</param>
    /// <param name="roomId">The room.</param>
    /// <param name="epoch">Epoch of the entry's seq; empty when it is not known.</param>
    /// <param name="entry">What was written; without a seq when it was so already.</param>
    protected abstract ServerEvent Tell(TCommand command, string roomId, string epoch, RoomEvent entry);

    /// <summary>The entry that the answer is about; null when it says too little.</summary>
    protected virtual RoomEvent? EntryOf(Stored stored) => stored.Entry;

    /// <inheritdoc />
    protected sealed override void Handle(Session session, Caller caller, string roomId, TCommand command)
    {
        var sink = new SessionSink(session, session.Rooms.GetValueOrDefault(roomId), command.Ref is not null || AlwaysTells);
        if (Submit(caller, roomId, command, sink) is { } refusal)
        {
            session.Send(refusal);
        }
    }

    // In the room, after what the session was shown; else at once.
    private sealed class SessionSink(Session session, RoomMember? member, bool wantsOutcome) : IOutcomeSink
    {
        public void Tell(ServerEvent outcome)
        {
            if (outcome is not ErrorEvent && !wantsOutcome)
            {
                return;
            }

            if (member is null)
            {
                session.Send(outcome);
                return;
            }

            lock (member.Room.Gate)
            {
                member.Reply(outcome);
            }
        }
    }

    private sealed class Pending(RoomRequest<TCommand> request, TCommand command, string roomId, IOutcomeSink sink, Activity? trace) : PendingCommand
    {
        public override void OnEvent(string roomId, string epoch, RoomEvent entry)
        {
            sink.Tell(request.Tell(command, roomId, epoch, entry));
            CommandTrace.Answered(trace, "stored");
        }

        public override void OnReply(CommandReply reply)
        {
            if (reply.Stored is { } stored && request.EntryOf(stored) is { } entry)
            {
                sink.Tell(request.Tell(command, roomId, stored.Epoch, entry));
                CommandTrace.Answered(trace, stored.Duplicate ? "duplicate" : "stored");
            }
            else
            {
                OnRefused(reply.Refused ?? new Refusal { Code = ErrorCode.Internal });
            }
        }

        public override void OnRefused(Refusal refusal)
        {
            sink.Tell(ErrorEvent.Of(refusal, command.Ref, roomId));
            CommandTrace.Answered(trace, "refused", refusal.Code);
        }
    }
}
