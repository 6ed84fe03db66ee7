using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Notifications.Following;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Storage;

namespace Tertulia.Conformance.Notifications;

/// <content>What concerns many is told in parts.</content>
public abstract partial class InboxConformance
{
    private const int Many = 600; // Some parts, and they are in no order of the others.
    private const int VeryMany = EntryDecider.MaxMembers + LaterPart.MaxUsers + 50;
    private const string Last = "u999"; // By user id, so that it is behind those who are looked up first.

    [Fact]
    public async Task Who_is_named_is_told_at_once_and_others_do_not_wait_for_a_mention_of_many()
    {
        await JoinManyAsync();
        await FollowAsync([_lobby.Said("ana", "all", "@room, y sobre todo @u599")]);
        Assert.Equal(["mention id-ana-all"], await KindsAsync("u599"));
        Assert.Empty(await InboxAsync("u598"));

        await FollowAsync([_lobby.Said("carla", "b", "@u598")]);
        Assert.Equal(["mention id-carla-b"], await KindsAsync("u598"));
        Assert.True(_follower.HasRest(Partition));

        await GoOnAsync();
        Assert.Equal(["mention id-carla-b", "mention_room id-ana-all"], await KindsAsync("u598"));
        await AllAreToldOnceAsync("id-ana-all");
    }

    [Fact]
    public async Task Parts_that_died_halfway_and_parts_of_a_process_that_died_are_told_once()
    {
        await JoinManyAsync();
        await FollowAsync([_lobby.Said("ana", "all", "@room")]);
        _breaks.Times = 1;
        await FollowAsync([_lobby.Said("carla", "b", "@eva")]);
        Assert.Equal(0, _breaks.Times);
        Assert.Equal(["mention_room id-ana-all", "mention id-carla-b"], await KindsAsync("eva"));

        _follower = _start();
        Assert.False(_follower.HasRest(Partition));
        Assert.Equal(_mark, await _follower.OpenAsync(Partition, Deadline));
        await GoOnAsync();

        await AllAreToldOnceAsync("id-ana-all");
    }

    [Fact]
    public async Task What_is_taken_back_while_it_is_told_is_told_to_nobody_else()
    {
        await JoinManyAsync();
        await FollowAsync([_lobby.Said("ana", "a", "@room"), _lobby.Said("ana", "b", "@room"), _lobby.Said("ana", "c", "@room")]);
        await FollowAsync([
            Delete(_lobby.Said("ana", "d"), "id-ana-a"), Edit(_lobby.Said("ana", "e1"), "id-ana-b", "nada"), Edit(_lobby.Said("ana", "e2"), "id-ana-c", "@room perdón"),
            Gone("u599", MemberAction.Kick),
        ]);
        await GoOnAsync();

        Assert.Equal(["mention_room id-ana-c"], await KindsAsync("u000"));
        Assert.Equal("@room perdón", Assert.Single((await ReadAsync("u598")).Notifications).Body);
        Assert.Equal(1u, (await ReadAsync("u000")).Unread);
        Assert.Empty(await InboxAsync("u599"));
    }

    [Fact]
    public async Task A_part_that_fails_every_time_is_left_out()
    {
        await JoinManyAsync();
        _breaks.Times = 3;
        await FollowAsync([_lobby.Said("ana", "all", "@room")]);
        await GoOnAsync();

        var told = 0;
        foreach (var userId in Enumerable.Range(0, Many).Select(number => $"u{number:D3}"))
        {
            told += (await InboxAsync(userId)).Count;
        }

        Assert.InRange(told, Many - LaterPart.MaxUsers, RoundsAreWhole ? Many - 1 : Many);
    }

    [Fact]
    public async Task A_mention_of_more_members_than_are_looked_up_at_a_time_reaches_each_of_them_once_whatever_dies()
    {
        await JoinManyAsync(VeryMany);
        await FollowAsync([_lobby.Said("ana", "all", $"@room, y sobre todo @{Last}")]);
        Assert.Equal(["mention id-ana-all"], await KindsAsync(Last));
        _breaks.Times = 1;
        await GoOnAsync(rounds: 5); // The parts of those who were looked up.
        _follower = _start();
        Assert.Equal(_mark, await _follower.OpenAsync(Partition, Deadline));
        await GoOnAsync();

        Assert.Equal(0, _breaks.Times);
        await AllAreToldOnceAsync("id-ana-all", VeryMany);
        Assert.Equal(["mention id-ana-all"], await KindsAsync(Last));
        Assert.DoesNotContain("mention_room id-ana-all", await KindsAsync("ana"));
    }

    [Fact]
    public async Task An_edit_changes_what_the_members_behind_are_told_and_a_mention_that_is_taken_back_reaches_none_of_them()
    {
        await JoinManyAsync(VeryMany);
        await FollowAsync([_lobby.Said("ana", "a", "@room"), _lobby.Said("ana", "b", "@room"), _lobby.Said("ana", "c", "nada"), _lobby.Said("ana", "d", "@room")]);
        await FollowAsync([
            Edit(_lobby.Said("ana", "e1"), "id-ana-a", "nada"), Edit(_lobby.Said("ana", "e2"), "id-ana-b", "@room perdón"),
            Edit(_lobby.Said("ana", "e3"), "id-ana-c", "@room ahora"), Delete(_lobby.Said("ana", "e4"), "id-ana-d"),
        ]);
        await GoOnAsync();

        Assert.Equal(["mention_room id-ana-b", "mention_room id-ana-c"], (await KindsAsync(Last)).Order());
        Assert.Equal(["@room ahora", "@room perdón"], (await ReadAsync(Last)).Notifications.Select(one => one.Body).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(VeryMany - 100, false)]
    [InlineData(VeryMany + 100, true)]
    public async Task A_member_may_mention_as_many_as_is_set_also_when_these_are_more_than_are_looked_up_at_a_time(int most, bool mayMention)
    {
        _options.RoomMentionMembers = most;
        await JoinManyAsync(VeryMany);
        await FollowAsync([_lobby.Said("carla", "a", "@room")]);
        await GoOnAsync();

        Assert.Equal(mayMention ? ["mention_room id-carla-a"] : [], await KindsAsync(Last));
    }

    [Fact]
    public async Task Those_who_are_here_are_sought_among_all_members()
    {
        _online.UnionWith(["u000", Last, "stranger"]);
        await JoinManyAsync(VeryMany);
        await FollowAsync([_lobby.Said("ana", "a", "@here")]);
        await GoOnAsync();

        Assert.Equal(["mention_here id-ana-a"], await KindsAsync("u000"));
        Assert.Equal(["mention_here id-ana-a"], await KindsAsync(Last));
        Assert.Empty(await InboxAsync("u001"));
        Assert.Empty(await InboxAsync("stranger"));
    }

    private Task JoinManyAsync(int many = Many) => FollowAsync(Enumerable.Range(0, many).Select(number => _lobby.Joined($"u{number:D3}")));

    /// <summary>As the follower does while something is left.</summary>
    private async Task GoOnAsync(int rounds = int.MaxValue)
    {
        for (var round = 0; round < rounds && _follower.HasRest(Partition); round++)
        {
            Assert.True(round < 60, "it does not come to an end");
            Assert.Equal([FeedOutcome.Stored], await _follower.HandleAsync([new FeedBatch(Partition, _mark, _mark, [])], Deadline));
        }
    }

    private async Task AllAreToldOnceAsync(string messageId, int many = Many)
    {
        foreach (var userId in Enumerable.Range(0, many).Select(number => $"u{number:D3}"))
        {
            Assert.Single((await ReadAsync(userId)).Notifications, one => one.MessageId == messageId);
        }
    }

    /// <summary>Dies when notifications have been made.</summary>
    private sealed class Breaks : IInboxListener
    {
        /// <summary>So many times, of what concerns many.</summary>
        public int Times { get; set; }

        public Task OnMadeAsync(IRound round, IReadOnlyList<Made> made, DateTimeOffset now)
        {
            if (Times > 0 && made.Count > 20)
            {
                Times--;
                throw new InvalidOperationException("killed");
            }

            return Task.CompletedTask;
        }

        public Task OnKeptOutAsync(IRound round, IReadOnlyList<KeptOut> kept, DateTimeOffset now) => Task.CompletedTask;

        public Task OnDeletedAsync(IRound round, string messageId) => Task.CompletedTask;

        public Task OnRevisedAsync(IRound round, Revision revision, IReadOnlyList<EndedItem> revised, IReadOnlyCollection<string> gone) => Task.CompletedTask;

        public Task OnShutOutAsync(IRound round, RoomItems items) => Task.CompletedTask;

        public Task OnEndedAsync(IRound round, IReadOnlyList<Ended> ended, DateTimeOffset now) => Task.CompletedTask;

        public void OnCommitted()
        {
        }
    }
}
