using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>A partition has one writer at a time, and the store notices that it lost what it had.</summary>
public abstract class FenceConformance(IStoreDatabase database) : StoreConformance(database)
{
    [Fact]
    public async Task Every_owner_of_a_partition_has_a_larger_epoch_whatever_its_clock_says()
    {
        var second = await OpenReadyAsync();

        Assert.Equal(1_000, await Store.TakePartitionAsync(3, nowMs: 1_000, Deadline));
        Assert.Equal(1_001, await second.TakePartitionAsync(3, nowMs: 400, Deadline));
        Assert.Equal(5_000, await Store.TakePartitionAsync(3, nowMs: 5_000, Deadline));
        Assert.Equal(400, await second.TakePartitionAsync(4, nowMs: 400, Deadline));
    }

    [Fact]
    public async Task What_an_owner_of_before_appends_is_refused_and_nothing_of_it_is_written()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));
        var second = await OpenReadyAsync();
        var newer = await second.TakePartitionAsync(partition: 0, nowMs: 1, Deadline);

        var refused = await AppendAsync([lobby.Said("ana", "late"), .. new RoomScript("other").Opening(messages: 0)]);

        Assert.Equal([AppendOutcome.NotOwner, AppendOutcome.NotOwner], refused);
        Assert.Equal(3, (await LogAsync("lobby"))!.LastSeq);
        Assert.Null(await LogAsync("other"));
        lobby.LastSeq--;
        Assert.Equal([AppendOutcome.Appended], await AppendAsync(second, newer, [lobby.Said("bruno", "next")]));
    }

    [Fact]
    public async Task A_lost_partition_does_not_hold_up_the_others()
    {
        var kept = await Store.TakePartitionAsync(partition: 7, nowMs: 1, Deadline);
        await Store.TakePartitionAsync(partition: 0, nowMs: 1, Deadline);

        var outcomes = await Store.AppendAsync(
            [
                new RoomAppend(0, "lost", OwnerEpoch, [new RoomScript("lost").Created().Entry]),
                new RoomAppend(7, "kept", kept, [new RoomScript("kept").Created().Entry]),
            ],
            Deadline);

        Assert.Equal([AppendOutcome.NotOwner, AppendOutcome.Appended], outcomes);
        Assert.Null(await LogAsync("lost"));
        Assert.Equal(1, (await LogAsync("kept"))!.LastSeq);
    }

    [Fact]
    public async Task After_a_take_nothing_of_the_owner_before_is_appended_however_many_appends_are_under_way()
    {
        const int Rooms = 40;
        var taker = await OpenReadyAsync();
        var rooms = Enumerable.Range(0, Rooms).Select(i => new RoomScript($"room-{i}")).ToArray();
        var owner = OwnerEpoch;
        for (var round = 0; round < 5; round++)
        {
            var appends = rooms.Select(room => Task.Run(() => AppendAsync(Store, owner, [round == 0 ? room.Created() : room.Said("ana", $"m{round}")]))).ToArray();
            var newer = await taker.TakePartitionAsync(partition: 0, nowMs: 1, Deadline);
            var after = await LastSeqsAsync(taker, rooms);
            var outcomes = await Task.WhenAll(appends);

            Assert.Equal(after, await LastSeqsAsync(taker, rooms));
            for (var i = 0; i < Rooms; i++)
            {
                Assert.Contains(outcomes[i][0], new[] { AppendOutcome.Appended, AppendOutcome.NotOwner });
                if (outcomes[i][0] == AppendOutcome.NotOwner)
                {
                    rooms[i].LastSeq--;
                    Assert.Equal([AppendOutcome.Appended], await AppendAsync(taker, newer, [round == 0 ? rooms[i].Created() : rooms[i].Said("ana", $"m{round}")]));
                }
            }

            owner = newer;
        }
    }

    [Fact]
    public async Task A_store_that_lost_the_entry_before_says_so()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));
        lobby.LastSeq++; // An entry that the store had confirmed and has no more.
        var other = new RoomScript("other");

        var outcomes = await AppendAsync([.. other.Opening(messages: 0), lobby.Said("ana", "next"), new RoomScript("gone") { LastSeq = 9 }.Said("ana", "next")]);

        Assert.Equal([AppendOutcome.Appended, AppendOutcome.WentBack, AppendOutcome.WentBack], outcomes);
        Assert.Equal(3, (await LogAsync("lobby"))!.LastSeq);
        Assert.Null(await LogAsync("gone"));
    }

    [Fact]
    public async Task A_store_that_does_not_know_the_owner_yet_says_so()
    {
        var lobby = new RoomScript("lobby");

        var unknown = await AppendAsync(Store, OwnerEpoch + 1, [lobby.Created()]);
        var never = await Store.AppendAsync([new RoomAppend(5, "lobby", OwnerEpoch, [new RoomScript("lobby").Created().Entry])], Deadline);

        Assert.Equal([AppendOutcome.WentBack, AppendOutcome.WentBack], [.. unknown, .. never]);
        Assert.Null(await LogAsync("lobby"));
    }

    private static async Task<List<long>> LastSeqsAsync(IMessageStore store, RoomScript[] rooms)
    {
        var loaded = await store.LoadAsync([.. rooms.Select(room => room.RoomId)], [], Deadline);
        return [.. rooms.Select(room => loaded.Rooms.TryGetValue(room.RoomId, out var head) ? head.LastSeq : 0)];
    }
}
