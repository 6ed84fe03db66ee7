using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Moderation;

public sealed class ReportVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();

    [Fact]
    public void A_message_is_reported_with_its_author_and_reason()
    {
        var room = Deciding.Room();
        _flush.Has("m1", userId: "zoe");

        _flush.Decide(Commands.Report("lobby", "ana", "m1").By(room));

        var entry = Assert.Single(room.Entries!);
        Assert.Equal(new MessageReported { MessageId = "m1", MessageSeq = 5, AuthorId = "zoe", Reason = "rude" }, entry.Event.Reported);
        Assert.Equal("+report:m1", entry.IdempotencyKey);
    }

    [Fact]
    public void Only_by_those_who_read_the_room_and_only_what_is_there()
    {
        var room = Deciding.Room();
        _flush.Has("m1");

        _flush.Decide(Commands.Report("lobby", "zoe", "m1").By(room, RoomRoles.None));
        _flush.Decide(Commands.Report("lobby", "ana", "m2").By(room));
        _flush.Decide(Commands.Report("nowhere", "ana", "m1").By(Deciding.Nowhere("nowhere"), RoomRoles.None));

        Assert.Equal([ErrorCode.NotMember, ErrorCode.MessageNotFound, ErrorCode.RoomNotFound], _flush.Replies.Select(reply => reply.Reply.Refused.Code));
        Assert.Null(room.Entries);
    }

    [Fact]
    public void A_second_report_of_the_same_user_is_answered_with_the_first()
    {
        var room = Deciding.Room();
        _flush.Has("m1");
        _flush.Known[new EntryKey("lobby", "ana", "+report:m1")] = new RoomEvent { Seq = 7, Reported = new MessageReported { MessageId = "m0" } };

        _flush.Decide(Commands.Report("lobby", "ana", "m1").By(room));

        Assert.Null(room.Entries);
        Assert.Equal((7L, true), Assert.Single(_flush.Replies).Reply.Stored is var stored ? (stored.Seq, stored.Duplicate) : default);
    }
}
