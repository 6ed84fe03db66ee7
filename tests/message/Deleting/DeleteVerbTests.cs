using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Deleting;

public sealed class DeleteVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    [Fact]
    public void A_deleted_message_keeps_its_place_and_nothing_of_what_it_said()
    {
        var message = _flush.Has("m1");
        (message.Metadata, message.PinnedSeq, message.PinnedBy) = (ByteString.CopyFromUtf8("{}"), 4, "bruno");
        message.Reactions.Add(new Reaction { Emoji = "👍", UserIds = { "bruno" } });
        _flush.NowMs = 1234;

        _flush.Decide(Commands.Delete("lobby", "ana", "m1").By(_room));

        var entry = Assert.Single(Entries);
        Assert.Equal(new MessageDeleted { MessageId = "m1", MessageSeq = 5, AuthorId = "ana" }, entry.Event.Deleted);
        Assert.Equal(
            new Message
            {
                MessageId = "m1", Seq = 5, UpdatedSeq = 11, UserId = "ana", Version = 1, CreatedAtMs = 5, DeletedAtMs = 1234, DeletedBy = "ana",
            },
            entry.Change!.State);
    }

    [Fact]
    public void Deleting_what_is_deleted_is_answered_as_done()
    {
        _flush.Has("m1");
        _flush.NowMs = 1234;
        _flush.Decide(Commands.Delete("lobby", "ana", "m1").By(_room));
        _flush.NowMs = 5678;

        _flush.Decide(Commands.Delete("lobby", "mod", "m1").By(_room, role: "moderator"));

        Assert.Single(Entries);
        var stored = Assert.Single(_flush.Replies).Reply.Stored;
        Assert.Equal((true, "ana", 1234L), (stored.Duplicate, stored.Entry.UserId, stored.Entry.CreatedAtMs));
    }

    [Theory]
    [InlineData("member", ErrorCode.Forbidden)]
    [InlineData("moderator", ErrorCode.Unspecified)]
    public void What_others_wrote_is_deleted_by_those_who_moderate(string role, ErrorCode expected)
    {
        _flush.Has("m1", userId: "bruno");

        _flush.Decide(Commands.Delete("lobby", "ana", "m1").By(_room, role));

        Assert.Equal(expected, _flush.Replies is [var refused] ? refused.Reply.Refused.Code : ErrorCode.Unspecified);
        Assert.Equal(expected == ErrorCode.Unspecified ? 1 : 0, Entries.Count);
    }

    [Fact]
    public void A_token_that_grants_writing_deletes_its_users_own_messages_only()
    {
        _flush.Has("mine");
        _flush.Has("theirs", userId: "bruno");

        foreach (var id in (string[])["mine", "theirs"])
        {
            var command = Commands.Delete("lobby", "ana", id);
            command.Actor.Grant = new Grant { Read = true, Write = true };
            _flush.Decide(command.By(_room, role: ""));
        }

        Assert.Equal("mine", Assert.Single(Entries).Event.Deleted.MessageId);
        Assert.Equal(ErrorCode.Forbidden, Assert.Single(_flush.Replies).Reply.Refused.Code);
    }

    private List<LogEntry> Entries => _room.Entries ?? [];
}
