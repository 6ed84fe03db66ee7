using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>read</c> and <c>mark_unread</c>. The session need not have entered the room: a list of rooms can mark one as read, too.</summary>
/// <remarks>All devices of the user are told by the room's writer, in the order in which the marks were written; the answer here only carries the <c>ref</c>.</remarks>
internal sealed class ReadHandler(SubmitBatcher batcher, ReadReports reports, ChosenStatuses chosen, ThreadFlow threads) : RoomHandler<ReadCommand>, IRoomVerb
{
    /// <inheritdoc />
    public ErrorEvent? Submit(Caller caller, string roomId, RoomCommand command, IOutcomeSink sink)
    {
        var read = (ReadCommand)command;
        var submitted = new Command
        {
            RoomId = roomId,
            Actor = caller.ToActor(roomId),
            Read = new ReadRoom
            {
                Seq = read.IsExact ? read.Seq - 1 : read.Seq, Exact = read.IsExact,
                Quiet = chosen.IsInvisible(caller.UserId) || (read.IsQuiet ?? !chosen.IsVisible(caller.UserId)),
            },
        };
        return batcher.TrySubmit(submitted, new Pending(sink, caller.UserId, roomId, command.Ref, reports))
            ? null
            : new ErrorEvent(ErrorCode.Overloaded, Ref: command.Ref, RetryAfterMs: (int)batcher.RetryAfter.TotalMilliseconds, RoomId: roomId);
    }

    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, ReadCommand command)
    {
        if (command.ThreadRoot is not null)
        {
            threads.StartRead(session, caller, roomId, command);
        }
        else if (Submit(caller, roomId, command, new SessionSink(session, command.Ref is not null)) is { } refusal)
        {
            session.Send(refusal);
        }
    }

    private sealed class SessionSink(Session session, bool wantsOutcome) : IOutcomeSink
    {
        public void Tell(ServerEvent outcome)
        {
            if (outcome is ErrorEvent || wantsOutcome)
            {
                session.Send(outcome);
            }
        }
    }

    private sealed class Pending(IOutcomeSink sink, string userId, string roomId, string? reference, ReadReports reports) : PendingCommand
    {
        public override void OnReply(CommandReply reply)
        {
            if (reply.Marked is null)
            {
                OnRefused(reply.Refused ?? new Refusal { Code = ErrorCode.Internal });
            }
            else
            {
                reports.Add(userId, roomId, reply.Marked.ReadSeq);
                sink.Tell(new UnreadEvent(roomId, reply.Marked, reference));
            }
        }

        // A mark is no entry of the log.
        public override void OnEvent(string room, string epoch, RoomEvent entry) => OnRefused(new Refusal { Code = ErrorCode.Internal });

        public override void OnRefused(Refusal refusal) => sink.Tell(ErrorEvent.Of(refusal, reference, roomId));
    }
}
