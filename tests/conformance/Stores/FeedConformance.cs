using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Whoever follows a partition gets everything that was appended in it, in order, from wherever they were.</summary>
public abstract class FeedConformance(IStoreDatabase database) : StoreConformance(database)
{
    [Fact]
    public async Task Everything_is_followed_in_the_order_in_which_it_was_appended()
    {
        var (lobby, other) = (new RoomScript("lobby"), new RoomScript("other"));
        List<RoomEntry> entries = [.. lobby.Opening(messages: 1), .. other.Opening(messages: 0)];
        await AppendedAsync(entries);
        List<RoomEntry> second = [other.Said("ana", "m1"), lobby.Joined("bruno"), other.Said("ana", "m2")];
        await AppendedAsync(second);

        var page = await Store.ReadFeedAsync(0, FeedPosition.Start, ReadLimit.Of(100), Deadline);
        var rest = await Store.ReadFeedAsync(0, page.Next, ReadLimit.Of(100), Deadline);

        Assert.Equal(
            [.. entries.Select(entry => entry.Event), second[0].Event, second[2].Event, second[1].Event], // A flush room by room.
            page.Entries.Select(entry => entry.Event));
        Assert.Equal(["lobby", "lobby", "lobby", "other", "other", "other", "other", "lobby"], page.Entries.Select(entry => entry.RoomId));
        Assert.Equal((false, Store.Epoch), (page.HasMore, page.Epoch));
        Assert.Equal((false, page.Next), (rest.HasMore, rest.Next));
        Assert.Empty(rest.Entries);
    }

    [Fact]
    public async Task A_partition_has_nothing_of_the_others_and_one_that_was_never_used_has_nothing()
    {
        var seven = await Store.TakePartitionAsync(partition: 7, nowMs: 1, Deadline);
        await Store.AppendAsync(
            [
                new RoomAppend(0, "zero", OwnerEpoch, [new RoomScript("zero").Created().Entry]),
                new RoomAppend(7, "seven", seven, [new RoomScript("seven").Created().Entry]),
            ],
            Deadline);
        await AppendedAsync(new RoomScript("zero") { LastSeq = 1 }.Joined("ana"));

        Assert.Equal([("zero", 1), ("zero", 2)], (await FollowAsync(partition: 0, ReadLimit.Of(10))).Select(entry => (entry.RoomId, entry.Event.Seq)));
        Assert.Equal([("seven", 1)], (await FollowAsync(partition: 7, ReadLimit.Of(10))).Select(entry => (entry.RoomId, entry.Event.Seq)));
        Assert.Empty(await FollowAsync(partition: 3, ReadLimit.Of(10)));
    }

    [Theory]
    [InlineData(1, 1_000_000)]
    [InlineData(3, 1_000_000)]
    [InlineData(7, 1_000_000)]
    [InlineData(1_000, 1)]
    [InlineData(1_000, 2_500)]
    public async Task Pages_of_any_size_give_everything_once(int count, int bytes)
    {
        var rooms = Enumerable.Range(0, 4).Select(i => new RoomScript($"room-{i}")).ToArray();
        List<RoomEntry> expected = [];
        for (var flush = 0; flush < 6; flush++)
        {
            List<RoomEntry> entries =
            [
                .. rooms.SelectMany(room => flush == 0
                    ? room.Opening(messages: 1)
                    : [.. Enumerable.Range(0, flush).Select(i => room.Said("ana", $"m{flush}-{i}", new string('x', 200)))]),
            ];
            await AppendedAsync(entries);
            expected.AddRange(entries);
        }

        var followed = await FollowAsync(partition: 0, new ReadLimit(count, bytes));

        Assert.Equal(expected.Select(entry => (entry.RoomId, entry.Event)), followed.Select(entry => (entry.RoomId, entry.Event)));
    }

    [Fact]
    public async Task What_was_refused_is_not_in_it()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));
        Assert.Equal(
            [AppendOutcome.Conflict, AppendOutcome.Appended], await AppendAsync(lobby.Said("ana", "m1"), new RoomScript("other").Created()));
        await Store.TakePartitionAsync(0, nowMs: 1, Deadline);
        Assert.Equal([AppendOutcome.NotOwner], await AppendAsync(new RoomScript("late").Created()));

        Assert.Equal(["lobby", "lobby", "lobby", "other"], (await FollowAsync(partition: 0, ReadLimit.Of(10))).Select(entry => entry.RoomId));
    }

    [Fact]
    public async Task It_goes_on_under_the_next_owner()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));
        var page = await Store.ReadFeedAsync(0, FeedPosition.Start, ReadLimit.Of(2), Deadline);
        var second = await OpenReadyAsync();
        var newer = await second.TakePartitionAsync(0, nowMs: 1, Deadline);
        var between = await Store.ReadFeedAsync(0, page.Next, ReadLimit.Of(10), Deadline);
        await AppendAsync(second, newer, [lobby.Said("bruno", "b1")]);

        Assert.Equal([3L], between.Entries.Select(entry => entry.Event.Seq));
        Assert.Equal([3L, 4L], (await Store.ReadFeedAsync(0, page.Next, ReadLimit.Of(10), Deadline)).Entries.Select(entry => entry.Event.Seq));
        Assert.Equal([4L], (await Store.ReadFeedAsync(0, between.Next, ReadLimit.Of(10), Deadline)).Entries.Select(entry => entry.Event.Seq));
    }

    [Fact]
    public async Task Followers_that_read_while_owners_change_miss_nothing_and_get_nothing_twice()
    {
        const int Flushes = 150;
        var second = await OpenReadyAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Created());
        await Task.Yield(); // SQLite's caller goes on on the writer's thread, and what follows may not yield for long.
        var writing = Task.Run(async () =>
        {
            var owner = OwnerEpoch;
            for (var i = 0; i < Flushes; i++)
            {
                var store = i % 20 < 10 ? Store : second;
                owner = i % 10 == 9 ? await store.TakePartitionAsync(0, nowMs: 1, Deadline) : owner;
                Assert.Equal([AppendOutcome.Appended], await AppendAsync(store, owner, [lobby.Said("ana", $"m{i}"), lobby.Joined($"user-{i}")]));
            }
        });

        var followed = new List<long>();
        var from = FeedPosition.Start;
        for (var isDone = false; !isDone;)
        {
            isDone = writing.IsCompleted; // Before the read, which then is the last one.
            FeedPage page;
            do
            {
                page = await second.ReadFeedAsync(0, from, ReadLimit.Of(7), Deadline);
                followed.AddRange(page.Entries.Select(entry => entry.Event.Seq));
                from = page.Next;
            }
            while (page.HasMore);
        }

        await writing;
        Assert.Equal(Enumerable.Range(1, (2 * Flushes) + 1).Select(seq => (long)seq), followed);
    }

    /// <summary>From the start to the end, page by page.</summary>
    private async Task<List<FeedEntry>> FollowAsync(int partition, ReadLimit limit)
    {
        var (followed, from, page) = (new List<FeedEntry>(), FeedPosition.Start, default(FeedPage));
        do
        {
            page = await Store.ReadFeedAsync(partition, from, limit, Deadline);
            Assert.InRange(page.Entries.Count, 0, limit.Count);
            Assert.True(page.Entries.Count > 0 || !page.HasMore, "a page before the last one is not empty");
            followed.AddRange(page.Entries);
            from = page.Next;
        }
        while (page.HasMore);

        return followed;
    }
}
