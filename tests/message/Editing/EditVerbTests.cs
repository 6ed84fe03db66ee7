using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Editing;

public sealed class EditVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    [Fact]
    public void The_author_changes_what_the_message_says_and_its_version_counts_on()
    {
        var message = _flush.Has("m1");
        _flush.NowMs = 1234;

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "adiós", version: 1).By(_room));

        var entry = Assert.Single(Entries);
        Assert.Equal(
            new MessageEdited { MessageId = "m1", MessageSeq = 5, AuthorId = "ana", Content = "adiós", Version = 2 }, entry.Event.Edited);
        Assert.Equal((11L, 1234L), (entry.Event.Seq, entry.Event.CreatedAtMs));
        Assert.Equal((5L, "adiós", 2u, 1234L, 11L), entry.Change is { } change
            ? (change.CreatedSeq, change.State.Content, change.State.Version, change.State.EditedAtMs, change.State.UpdatedSeq) : default);
        Assert.Same(message, entry.Change!.State);
    }

    [Fact]
    public void Several_edits_of_one_flush_stack_up_and_the_last_one_is_what_is_stored()
    {
        _flush.Has("m1");

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "second", version: 1).By(_room));
        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "third", version: 2).By(_room));
        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "lost", version: 1).By(_room));

        Assert.Equal([2u, 3u], Entries.Select(entry => entry.Event.Edited.Version));
        Assert.Equal([null, "third"], Entries.Select(entry => entry.Change?.State.Content));
        Assert.Equal(ErrorCode.VersionConflict, Assert.Single(_flush.Replies).Reply.Refused.Code);
    }

    [Fact]
    public void Without_a_version_the_last_edit_wins()
    {
        _flush.Has("m1").Version = 7;

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "whatever it was").By(_room));

        Assert.Equal(8u, Assert.Single(Entries).Event.Edited.Version);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(2u)]
    public void An_edit_that_was_made_already_is_answered_as_done(uint version)
    {
        var message = _flush.Has("m1", content: "adiós");
        (message.Version, message.EditedAtMs) = (2, 77);

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "adiós", version).By(_room));

        Assert.Empty(Entries);
        var stored = Assert.Single(_flush.Replies).Reply.Stored;
        Assert.Equal((true, 0L, 77L, 2u), (stored.Duplicate, stored.Seq, stored.Entry.CreatedAtMs, stored.Entry.Edited.Version));
    }

    [Theory]
    [InlineData("member", ErrorCode.Forbidden)]
    [InlineData("moderator", ErrorCode.Unspecified)]
    [InlineData("owner", ErrorCode.Unspecified)]
    [InlineData("", ErrorCode.NotMember)]
    public void What_others_wrote_is_changed_by_those_who_moderate(string role, ErrorCode expected)
    {
        _flush.Has("m1", userId: "bruno");

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "adiós").By(_room, role));

        Assert.Equal(expected, _flush.Replies is [var refused] ? refused.Reply.Refused.Code : ErrorCode.Unspecified);
        Assert.Equal(expected == ErrorCode.Unspecified ? 1 : 0, Entries.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void The_rules_of_sending_hold(string content)
    {
        _flush.Has("m1");

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", content).By(_room));

        AssertRefused(ErrorCode.InvalidMessage);
    }

    [Fact]
    public void A_message_of_another_room_is_not_found()
    {
        _flush.Has("m1", roomId: "elsewhere");

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "adiós").By(_room));

        AssertRefused(ErrorCode.MessageNotFound);
    }

    [Fact]
    public void A_deleted_message_is_not_found()
    {
        _flush.Has("m1");
        _flush.NowMs = 1;
        _flush.Decide(Commands.Delete("lobby", "ana", "m1").By(_room));

        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "adiós").By(_room));

        Assert.Single(Entries);
        Assert.Equal(ErrorCode.MessageNotFound, Assert.Single(_flush.Replies).Reply.Refused.Code);
    }

    [Fact]
    public void Who_is_not_in_the_room_does_not_learn_whether_there_is_such_a_message()
    {
        _flush.Decide(Commands.Edit("lobby", "ana", "nothing", "adiós").By(_room, role: ""));

        AssertRefused(ErrorCode.NotMember);
    }

    [Fact]
    public void A_room_that_does_not_exist_is_refused()
    {
        _flush.Decide(Commands.Edit("lobby", "ana", "m1", "adiós").By(Deciding.Nowhere(), role: ""));

        AssertRefused(ErrorCode.RoomNotFound);
    }

    private List<LogEntry> Entries => _room.Entries ?? [];

    private void AssertRefused(ErrorCode code)
    {
        Assert.Equal(code, Assert.Single(_flush.Replies).Reply.Refused.Code);
        Assert.Empty(Entries);
    }
}
