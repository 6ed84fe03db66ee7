using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Moderation;

/// <summary>A user tells the moderators of a message, once. Members are not told: there is no view of its entry.</summary>
internal sealed class ReportVerb : KeyedVerb
{
    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Report;

    public override void NameMessages(in Submitted submitted, Flush flush) => flush.NeedMessage(submitted.Command.Report.MessageId);

    // Whose report of a message it is, is all that tells one from another.
    public override string IdOf(Command command) => command.Report.MessageId;

    public override string IdOf(RoomEvent written) => written.Reported.MessageId;

    public override Stored Describe(Command command, RoomEvent written) => new() { Seq = written.Seq, CreatedAtMs = written.CreatedAtMs, Entry = written };

    protected override string KeyOf(in Submitted submitted) => "+report:" + submitted.Command.Report.MessageId;

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var (room, report) = (submitted.Room, submitted.Command.Report);
        var refusal = !room.Exists ? ErrorCode.RoomNotFound : RoomPermissions.Check(submitted, RoomAction.Report);
        var message = refusal == ErrorCode.Unspecified ? flush.MessageOf(room, report.MessageId) : null;
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
        }
        else if (message is null)
        {
            flush.Refuse(submitted, ErrorCode.MessageNotFound);
        }
        else if (!RoomText.Fits(report.Reason, RoomText.MaxReasonLength))
        {
            flush.Refuse(submitted, ErrorCode.BadRequest);
        }
        else
        {
            flush.Append(submitted, this, key, new RoomEvent
            {
                Reported = new MessageReported { MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId, Reason = report.Reason },
            });
        }
    }
}
