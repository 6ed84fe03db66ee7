using Tertulia.Contracts;
using Tertulia.Messages.History;

namespace Tertulia.Messages.Tests.History;

public sealed class ShownMessagesTests
{
    [Fact]
    public void Of_many_who_reacted_the_first_are_named_and_all_are_counted()
    {
        var message = new Message { MessageId = "m1", Reactions = { new Reaction { Emoji = "👍" }, new Reaction { Emoji = "🎉", UserIds = { "ana" } } } };
        message.Reactions[0].UserIds.AddRange(Enumerable.Range(0, 12).Select(number => $"user-{number}"));
        var before = message.Clone();

        var shown = message.ShownTo("user-11");

        Assert.Equal([(12u, 10, true), (1u, 1, false)], shown.Reactions.Select(reaction => (reaction.Count, reaction.UserIds.Count, reaction.Me)));
        Assert.Equal("user-0", shown.Reactions[0].UserIds[0]);
        Assert.Equal(before, message);
    }
}
