using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Reacting;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Reacting;

public sealed class ReactVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    [Fact]
    public void A_reaction_is_kept_with_who_reacted_and_told_with_all_counts()
    {
        var message = _flush.Has("m1");

        React("ana", "👍");
        React("bruno", "👍");
        React("bruno", ":shipit:");
        React("ana", "👍", remove: true);

        Assert.Equal(
            [[("👍", 1u)], [("👍", 2u)], [("👍", 2u), (":shipit:", 1u)], [("👍", 1u), (":shipit:", 1u)]],
            Entries.Select(entry => entry.Event.Reaction.Counts.Select(count => (count.Emoji, count.Count)).ToArray()));
        Assert.Equal([false, false, false, true], Entries.Select(entry => entry.Event.Reaction.Removed));
        Assert.Equal((5L, "ana"), Entries[0].Event.Reaction is var first ? (first.MessageSeq, first.AuthorId) : default);
        Assert.Equal([("👍", "bruno"), (":shipit:", "bruno")], message.Reactions.Select(reaction => (reaction.Emoji, Assert.Single(reaction.UserIds))));
        Assert.Equal([null, null, null, message], Entries.Select(entry => entry.Change?.State));
    }

    [Fact]
    public void What_is_so_already_is_answered_as_done()
    {
        _flush.Has("m1");
        React("ana", "👍");

        React("ana", "👍");
        React("ana", "🎉", remove: true);

        Assert.Single(Entries);
        Assert.Equal([true, true], _flush.Replies.Select(reply => reply.Reply.Stored.Duplicate));
        var again = _flush.Replies[0].Reply.Stored.Entry;
        Assert.Equal(("ana", 0L, 1u), (again.UserId, again.Seq, again.Reaction.Counts[0].Count));
    }

    [Fact]
    public void The_last_one_that_is_taken_back_takes_its_emoji_along()
    {
        var message = _flush.Has("m1");
        React("ana", "👍");

        React("ana", "👍", remove: true);

        Assert.Empty(message.Reactions);
        Assert.Empty(Entries[1].Event.Reaction.Counts);
    }

    [Fact]
    public void There_are_so_many_different_ones_at_most()
    {
        var message = _flush.Has("m1");
        for (var number = 0; number < ReactVerb.MaxEmoji; number++)
        {
            message.Reactions.Add(new Reaction { Emoji = $":e{number}:", UserIds = { "bruno" } });
        }

        React("ana", "👍");
        React("ana", ":e7:");

        Assert.Equal(ErrorCode.LimitExceeded, Assert.Single(_flush.Replies).Reply.Refused.Code);
        Assert.Equal(":e7:", Assert.Single(Entries).Event.Reaction.Emoji);
    }

    [Theory]
    [InlineData(1_000, 1)]
    [InlineData(128, 512)]
    public void There_are_so_many_and_so_many_bytes_of_them_at_most(int users, int nameLength)
    {
        var message = _flush.Has("m1");
        var reaction = new Reaction { Emoji = "👍" };
        reaction.UserIds.AddRange(Enumerable.Range(0, users).Select(number => new string((char)('a' + (number % 20)), nameLength)));
        message.Reactions.Add(reaction);

        React("zoe", "👍");

        Assert.Equal(ErrorCode.LimitExceeded, Assert.Single(_flush.Replies).Reply.Refused.Code);
        Assert.Empty(Entries);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("👍👍")]
    public void What_is_no_emoji_is_refused(string emoji)
    {
        _flush.Has("m1");

        React("ana", emoji);

        Assert.Equal(ErrorCode.BadRequest, Assert.Single(_flush.Replies).Reply.Refused.Code);
    }

    [Fact]
    public void Who_is_no_member_does_not_react()
    {
        _flush.Has("m1");

        _flush.Decide(Commands.React("lobby", "ana", "m1", "👍").By(_room, role: ""));

        Assert.Equal(ErrorCode.NotMember, Assert.Single(_flush.Replies).Reply.Refused.Code);
    }

    private List<LogEntry> Entries => _room.Entries ?? [];

    private void React(string userId, string emoji, bool remove = false) => _flush.Decide(Commands.React("lobby", userId, "m1", emoji, remove).By(_room));
}
