using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Reading;

/// <summary>A user has read a room up to a seq, or wants the rest of it unread again. No entry is written: the mark is, beside the flush.</summary>
internal sealed class ReadVerb(MarkWriter marks) : IVerb
{
    /// <summary>Members of a room at most whose reading the others are told (PROTOCOL §3).</summary>
    public const int MaxReceiptMembers = 100;

    public Command.BodyOneofCase Body => Command.BodyOneofCase.Read;

    public void Decide(in Submitted submitted, Flush flush)
    {
        var (room, member, read) = (submitted.Room, submitted.Member!, submitted.Command.Read);
        var refusal = !room.Exists ? ErrorCode.RoomNotFound
            : read.Seq < 0 ? ErrorCode.BadRequest
            : RoomPermissions.Check(submitted, RoomAction.Read);
        if (refusal == ErrorCode.Unspecified && marks.IsFull)
        {
            refusal = ErrorCode.Overloaded;
        }

        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        var seq = Math.Min(read.Seq, room.LastSeq);
        var moves = read.Exact || seq > member.ReadSeq;
        if (moves)
        {
            member.ReadSeq = seq;
        }

        var mark = new ReadMark(new MemberKey(room.RoomId, member.UserId), seq, room.LastSeq, read.Exact);
        flush.Marks.Add(new PendingMark(submitted, mark, moves, room.Subscribers, !read.Quiet && room.Members <= MaxReceiptMembers));
    }
}
