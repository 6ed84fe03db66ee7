using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Appends are atomic per room, and a room that is refused does not hold up the others.</summary>
public abstract class AppendConformance(IStoreDatabase database) : StoreConformance(database)
{
    [Fact]
    public async Task What_was_appended_is_read_back_as_it_was_in_the_order_of_seq()
    {
        var entries = new RoomScript("lobby").Opening(messages: 3);

        await AppendedAsync(entries[..2]);
        await AppendedAsync(entries[2..]);

        var log = await LogAsync("lobby");
        Assert.Equal(5, log!.LastSeq);
        Assert.Equal(entries.Select(entry => entry.Event), log.Events);
    }

    [Fact]
    public async Task A_seq_that_is_taken_is_a_conflict_of_that_room_alone()
    {
        await AppendedAsync(new RoomScript("lobby").Opening(messages: 1));
        var (first, last) = (new RoomScript("first"), new RoomScript("last"));
        var late = new RoomScript("lobby") { LastSeq = 2 };

        var outcomes = await AppendAsync([.. first.Opening(messages: 1), late.Said("bruno", "b1"), late.Joined("bruno"), .. last.Opening(messages: 2)]);

        Assert.Equal([AppendOutcome.Appended, AppendOutcome.Conflict, AppendOutcome.Appended], outcomes);
        Assert.Equal(3, (await LogAsync("lobby"))!.LastSeq);
        Assert.Equal((3, 4), ((await LogAsync("first"))!.LastSeq, (await LogAsync("last"))!.LastSeq));
        Assert.Empty(await Store.FindByKeysAsync([new("lobby", "bruno", "b1")], Deadline));
        Assert.Empty(await Store.FindMessagesAsync(["id-bruno-b1"], Deadline));
        Assert.Equal(3, (await Store.LoadAsync([], [new("lobby", "bruno"), new("first", "ana"), new("last", "ana"), new("lobby", "ana")], Deadline)).Members.Count);
    }

    [Fact]
    public async Task A_key_that_is_taken_is_a_conflict_that_leaves_nothing_of_that_room_behind()
    {
        var lobby = new RoomScript("lobby");
        var other = new RoomScript("other");
        await AppendedAsync(lobby.Opening(messages: 1));

        var outcomes = await AppendAsync(lobby.Said("bruno", "b1"), lobby.Said("ana", "m1", "again"), other.Created());

        Assert.Equal([AppendOutcome.Conflict, AppendOutcome.Appended], outcomes);
        Assert.Equal(3, (await LogAsync("lobby"))!.LastSeq);
        var page = await Store.ReadPageAsync(new("lobby", "ana"), HistoryRange.Newest, ReadLimit.Of(100), Deadline);
        Assert.Equal(["content 1"], page!.Messages.Select(message => message.Content));
        Assert.Equal(1, (await LogAsync("other"))!.LastSeq);
    }

    [Fact]
    public async Task A_key_that_comes_twice_in_one_append_is_a_conflict()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 0));

        Assert.Equal([AppendOutcome.Conflict], await AppendAsync(lobby.Said("ana", "m1"), lobby.Said("ana", "m1")));

        Assert.Equal(2, (await LogAsync("lobby"))!.LastSeq);
    }

    [Fact]
    public async Task After_a_conflict_the_same_store_appends_again()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));

        Assert.Equal([AppendOutcome.Conflict], await AppendAsync(lobby.Said("ana", "m1")));
        lobby.LastSeq--;
        await AppendedAsync(lobby.Said("ana", "m2"));

        Assert.Equal(4, (await LogAsync("lobby"))!.LastSeq);
    }

    [Fact]
    public async Task The_same_key_of_another_sender_or_room_is_another_entry()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 1), .. new RoomScript("other").Opening(messages: 1)]);

        await AppendedAsync(lobby.Said("bruno", "m1"));
    }

    [Fact]
    public async Task A_large_flush_of_many_rooms_is_one_append()
    {
        var rooms = Enumerable.Range(0, 50).Select(i => new RoomScript($"room-{i}")).ToArray();
        List<RoomEntry> entries = [.. rooms.Select(room => room.Created()), .. rooms.Select(room => room.Joined("ana", "owner"))];
        for (var i = 0; i < 20; i++)
        {
            entries.AddRange(rooms.Select(room => room.Said("ana", $"m{i}")));
        }

        await AppendedAsync(entries);

        var loaded = await Store.LoadAsync([.. rooms.Select(room => room.RoomId)], [], Deadline);
        Assert.Equal(Store.Epoch, loaded.Epoch);
        Assert.All(rooms, room => Assert.Equal((22, 20), (loaded.Rooms[room.RoomId].LastSeq, loaded.Rooms[room.RoomId].Messages)));
    }

    [Fact]
    public async Task A_members_last_change_in_one_append_counts()
    {
        var lobby = new RoomScript("lobby");

        await AppendedAsync([.. lobby.Opening(messages: 0), lobby.Joined("bruno"), lobby.Joined("bruno", "moderator")]);

        var loaded = await Store.LoadAsync(["lobby"], [new("lobby", "bruno")], Deadline);
        Assert.Equal("moderator", loaded.Members[new("lobby", "bruno")].Role);
        Assert.Equal(3, loaded.Rooms["lobby"].Members);
    }

    [Fact]
    public async Task Two_writers_that_race_for_one_room_leave_it_gapless_and_nothing_twice()
    {
        const int Each = 60;
        await AppendedAsync(new RoomScript("lobby").Created());
        var second = await OpenReadyAsync();

        await Task.WhenAll(WriteAllAsync(Store, "ana", Each), WriteAllAsync(second, "bruno", Each));

        var log = await LogAsync("lobby");
        Assert.Equal(Enumerable.Range(1, (2 * Each) + 1).Select(seq => (long)seq), log!.Events.Select(entry => entry.Seq));
        Assert.Equal(2 * Each, log.Events.Skip(1).Select(entry => entry.Message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task Who_gives_up_waiting_takes_nothing_back()
    {
        using var gaveUp = new CancellationTokenSource();
        var entries = new RoomScript("lobby").Opening(messages: 1);
        var append = Store.AppendAsync([new RoomAppend(0, "lobby", OwnerEpoch, [.. entries.Select(entry => entry.Entry)])], gaveUp.Token);

        await gaveUp.CancelAsync();

        await Record.ExceptionAsync(() => append); // The answer may have been faster.
        while ((await LogAsync("lobby"))?.LastSeq != 3)
        {
            Deadline.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Appends one message at a time and, when another writer was faster, reads where the room is and tries again.</summary>
    private async Task WriteAllAsync(IMessageStore store, string userId, int count)
    {
        var room = new RoomScript("lobby") { LastSeq = 1 };
        for (var i = 0; i < count; i++)
        {
            while (await AppendAsync(store, OwnerEpoch, [room.Said(userId, $"m{i}")]) is [AppendOutcome.Conflict])
            {
                room.LastSeq = (await store.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"].LastSeq;
            }
        }
    }
}
