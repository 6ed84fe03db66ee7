using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>read</c> and <c>mark_unread</c>. The session need not have entered the room: a list of rooms can mark one as read, too.</summary>
/// <remarks>All devices of the user are told by the room's writer, in the order in which the marks were written; the answer here only carries the <c>ref</c>.</remarks>
internal sealed class ReadHandler(SubmitBatcher batcher) : RoomHandler<ReadCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, ReadCommand command)
    {
        var submitted = new Command
        {
            RoomId = roomId,
            Actor = caller.ToActor(roomId),
            Traceparent = command.Traceparent ?? "",
            Read = new ReadRoom { Seq = command.IsExact ? command.Seq - 1 : command.Seq, Exact = command.IsExact },
        };
        if (!batcher.TrySubmit(submitted, new Pending(session, roomId, command.Ref)))
        {
            session.Send(new ErrorEvent(ErrorCode.Overloaded, Ref: command.Ref, RetryAfterMs: (int)batcher.RetryAfter.TotalMilliseconds, RoomId: roomId));
        }
    }

    private sealed class Pending(Session session, string roomId, string? reference) : PendingCommand
    {
        public override void OnReply(CommandReply reply)
        {
            if (reply.Marked is null)
            {
                OnRefused(reply.Refused ?? new Refusal { Code = ErrorCode.Internal });
            }
            else if (reference is not null)
            {
                session.Send(new UnreadEvent(roomId, reply.Marked, reference));
            }
        }

        // A mark is no entry of the log.
        public override void OnEvent(string room, string epoch, RoomEvent entry) => OnRefused(new Refusal { Code = ErrorCode.Internal });

        public override void OnRefused(Refusal refusal) => session.Send(ErrorEvent.Of(refusal, reference, roomId));
    }
}
