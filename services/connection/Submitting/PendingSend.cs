using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Submitting;

/// <summary>A client's message on its way: the client is told <c>message_sent</c>, or why not.</summary>
/// <param name="member">The sender in the room.</param>
/// <param name="reference">The frame's <c>ref</c>; null when it had none.</param>
/// <param name="clientMsgId">Null when the client chose none.</param>
/// <param name="messageId">As this node minted it.</param>
internal sealed class PendingSend(RoomMember member, string? reference, string? clientMsgId, string messageId) : PendingCommand
{
    public override string MessageId => messageId;

    public override void OnEvent(string roomId, string epoch, RoomEvent entry)
    {
        Telemetry.Messages.Add(1, Telemetry.Stored);
        Reply(new MessageSentEvent(roomId, epoch, reference, messageId, clientMsgId, entry.Seq, entry.CreatedAtMs, Duplicate: false));
    }

    public override void OnReply(CommandReply reply)
    {
        switch (reply.OutcomeCase)
        {
            case CommandReply.OutcomeOneofCase.Stored:
                OnStored(reply.Stored);
                break;
            case CommandReply.OutcomeOneofCase.Refused:
                OnRefused(reply.Refused);
                break;
            default:
                OnRefused(new Refusal { Code = ErrorCode.Internal });
                break;
        }
    }

    public override void OnRefused(Refusal refusal)
    {
        Telemetry.Messages.Add(1, Telemetry.Refused);
        Reply(new ErrorEvent(refusal.Code, refusal.Detail, reference, (int)refusal.RetryAfterMs, member.Room.RoomId));
    }

    private void OnStored(Stored stored)
    {
        // The batch may have gone twice because a confirm was lost. Stored under the id of this very serverEvent, it is no duplicate of the client's.
        var duplicate = stored.Duplicate && stored.MessageId != messageId;
        Telemetry.Messages.Add(1, duplicate ? Telemetry.Duplicate : Telemetry.Stored);
        Reply(new MessageSentEvent(
            member.Room.RoomId, member.Room.Epoch, reference, stored.MessageId, clientMsgId ?? stored.ClientMsgId, stored.Seq, stored.CreatedAtMs, duplicate));
    }

    private void Reply(ServerEvent serverEvent)
    {
        lock (member.Room.Gate)
        {
            member.Reply(serverEvent);
        }
    }
}
