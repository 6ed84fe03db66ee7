using Google.Protobuf;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>broadcast</c>. Who may is decided by the room's writer, which tells the nodes of the room, this one included.</summary>
internal sealed class BroadcastHandler(SubmitBatcher batcher) : MemberHandler<BroadcastCommand>
{
    private const int MaxPayloadBytes = 16 * 1024; // PROTOCOL §6, as JSON.

    /// <inheritdoc />
    protected override void Handle(RoomMember member, Caller caller, BroadcastCommand command)
    {
        var (session, roomId) = (member.Session, member.Room.RoomId);
        if (command.Payload.Length > MaxPayloadBytes)
        {
            Refuse(session, command, ErrorCode.TooLarge, $"payload has more than {MaxPayloadBytes} bytes", roomId);
            return;
        }

        var submitted = new Command
        {
            RoomId = roomId,
            Actor = caller.ToActor(roomId),
            Broadcast = new BroadcastToRoom
            {
                Broadcast = new Broadcast
                {
                    Event = command.Event ?? "", Payload = ByteString.CopyFrom(command.Payload.Span), ConnectionId = session.ConnectionId,
                },
            },
        };
        if (!batcher.TrySubmit(submitted, new Pending(session, roomId, command)))
        {
            session.Send(new ErrorEvent(ErrorCode.Overloaded, Ref: command.Ref, RetryAfterMs: (int)batcher.RetryAfter.TotalMilliseconds, RoomId: roomId));
        }
    }

    private sealed class Pending(Session session, string roomId, BroadcastCommand command) : PendingCommand
    {
        public override void OnReply(CommandReply reply)
        {
            if (reply.Told is null)
            {
                OnRefused(reply.Refused ?? new Refusal { Code = ErrorCode.Internal });
            }
            else if (command is { Ref: { } reference, Event: { } name })
            {
                session.Send(new BroadcastTakenEvent(roomId, name, reference));
            }
        }

        // It is no entry of the log.
        public override void OnEvent(string room, string epoch, RoomEvent entry) => OnRefused(new Refusal { Code = ErrorCode.Internal });

        public override void OnRefused(Refusal refusal) => session.Send(ErrorEvent.Of(refusal, command.Ref, roomId));
    }
}
