using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What every message store does. A subclass says how one is opened on the test's own empty database.</summary>
public abstract class MessageStoreConformance : IAsyncLifetime
{
    private readonly List<IMessageStore> _opened = [];
    private IMessageStore _store = null!;

    protected static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    /// <summary>Makes the empty database.</summary>
    protected abstract Task CreateAsync();

    /// <summary>One more store on the test's database.</summary>
    internal abstract IMessageStore Open();

    /// <summary>Removes the database; every store is closed.</summary>
    protected abstract Task DropAsync();

    public async Task InitializeAsync()
    {
        await CreateAsync();
        _store = await OpenReadyAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }

        await DropAsync();
    }

    [Fact]
    public async Task What_was_appended_is_read_back_as_it_was_in_the_order_of_seq()
    {
        var lobby = new RoomScript("lobby");
        var entries = lobby.Opening(messages: 3);

        Assert.Equal(AppendOutcome.Appended, await _store.AppendAsync(entries[..2], Deadline));
        Assert.Equal(AppendOutcome.Appended, await _store.AppendAsync(entries[2..], Deadline));

        var log = await _store.ReadEventsAsync("lobby", 1, long.MaxValue, 100, Deadline);
        Assert.Equal(5, log!.LastSeq);
        Assert.Equal(entries.Select(entry => entry.Event), log.Events);
    }

    [Fact]
    public async Task A_part_of_the_log_is_read_by_its_bounds_and_limit()
    {
        await _store.AppendAsync(new RoomScript("lobby").Opening(messages: 8), Deadline);

        var middle = await _store.ReadEventsAsync("lobby", 4, 6, 100, Deadline);
        var limited = await _store.ReadEventsAsync("lobby", 4, 10, 2, Deadline);
        var beyond = await _store.ReadEventsAsync("lobby", 11, 20, 100, Deadline);

        Assert.Equal([4, 5, 6], middle!.Events.Select(found => found.Seq));
        Assert.Equal([4, 5], limited!.Events.Select(found => found.Seq));
        Assert.Empty(beyond!.Events);
        Assert.Equal(10, beyond.LastSeq);
    }

    [Fact]
    public async Task A_seq_that_is_taken_is_a_conflict_that_leaves_nothing_behind()
    {
        await _store.AppendAsync(new RoomScript("lobby").Opening(messages: 1), Deadline);
        var other = new RoomScript("other");
        var late = new RoomScript("lobby") { LastSeq = 2 };

        var outcome = await _store.AppendAsync([.. other.Opening(messages: 1), late.Said("bruno", "b1")], Deadline);

        Assert.Equal(AppendOutcome.Conflict, outcome);
        Assert.Null(await _store.ReadEventsAsync("other", 1, 100, 100, Deadline));
        Assert.Empty(await _store.FindByKeysAsync([new("other", "ana", "m1"), new("lobby", "bruno", "b1")], Deadline));
        Assert.Empty((await _store.LoadAsync(["other"], [new("other", "ana")], Deadline)).Members);
    }

    [Fact]
    public async Task A_key_that_is_taken_is_a_conflict_that_leaves_nothing_behind()
    {
        var lobby = new RoomScript("lobby");
        await _store.AppendAsync(lobby.Opening(messages: 1), Deadline);

        var outcome = await _store.AppendAsync([lobby.Said("bruno", "b1"), lobby.Said("ana", "m1", "again")], Deadline);

        Assert.Equal(AppendOutcome.Conflict, outcome);
        Assert.Equal(3, (await _store.ReadEventsAsync("lobby", 1, 100, 100, Deadline))!.LastSeq);
        var page = await _store.ReadPageAsync(new("lobby", "ana"), HistoryRange.Newest, 100, Deadline);
        Assert.Equal(["content 1"], page!.Messages.Select(message => message.Content));
    }

    [Fact]
    public async Task After_a_conflict_the_same_store_appends_again()
    {
        var lobby = new RoomScript("lobby");
        await _store.AppendAsync(lobby.Opening(messages: 1), Deadline);

        Assert.Equal(AppendOutcome.Conflict, await _store.AppendAsync([lobby.Said("ana", "m1")], Deadline));
        lobby.LastSeq--;
        Assert.Equal(AppendOutcome.Appended, await _store.AppendAsync([lobby.Said("ana", "m2")], Deadline));

        Assert.Equal(4, (await _store.ReadEventsAsync("lobby", 1, 100, 100, Deadline))!.LastSeq);
    }

    [Fact]
    public async Task The_same_key_of_another_sender_or_room_is_another_entry()
    {
        var lobby = new RoomScript("lobby");
        var other = new RoomScript("other");
        await _store.AppendAsync([.. lobby.Opening(messages: 1), .. other.Opening(messages: 1)], Deadline);

        Assert.Equal(AppendOutcome.Appended, await _store.AppendAsync([lobby.Said("bruno", "m1")], Deadline));
    }

    [Fact]
    public async Task Events_are_found_by_their_keys()
    {
        var lobby = new RoomScript("lobby");
        var entries = lobby.Opening(messages: 3);
        await _store.AppendAsync(entries, Deadline);

        var found = await _store.FindByKeysAsync([entries[3].Key, entries[1].Key, new("lobby", "ana", "m9"), new("lobby", "bruno", "m1")], Deadline);

        Assert.Equal(2, found.Count);
        Assert.Equal(entries[3].Event, found[entries[3].Key]);
        Assert.Equal(entries[1].Event, found[entries[1].Key]);
    }

    [Fact]
    public async Task Rooms_and_memberships_are_loaded_together_and_what_is_missing_is_absent()
    {
        var lobby = new RoomScript("lobby");
        await _store.AppendAsync([.. lobby.Opening(messages: 2), lobby.Joined("bruno")], Deadline);

        var loaded = await _store.LoadAsync(
            ["nowhere", "lobby"], [new("lobby", "ana"), new("lobby", "bruno"), new("lobby", "carla"), new("nowhere", "ana")], Deadline);

        Assert.Equal(new RoomHead("lobby", "open", Members: 2, LastSeq: 5), Assert.Single(loaded.Rooms).Value);
        Assert.Equal(2, loaded.Members.Count);
        Assert.Equal(new Membership("owner", Banned: false), loaded.Members[new("lobby", "ana")]);
        Assert.Equal(new Membership("member", Banned: false), loaded.Members[new("lobby", "bruno")]);
    }

    [Fact]
    public async Task Changes_since_a_position_come_in_the_order_of_their_update_with_the_room_of_that_moment()
    {
        var lobby = new RoomScript("lobby");
        await _store.AppendAsync([.. lobby.Opening(messages: 5), lobby.Joined("bruno")], Deadline);

        var changes = await _store.ReadChangesAsync(new("lobby", "bruno"), sinceSeq: 4, limit: 2, Deadline);
        var none = await _store.ReadChangesAsync(new("lobby", "carla"), sinceSeq: 8, limit: 2, Deadline);

        Assert.Equal(new RoomHead("lobby", "open", Members: 2, LastSeq: 8), changes!.Head);
        Assert.Equal(new Membership("member", Banned: false), changes.Reader);
        Assert.Equal([5, 6], changes.Messages.Select(message => message.UpdatedSeq));
        Assert.Empty(none!.Messages);
        Assert.Equal(Membership.None, none.Reader);
    }

    [Fact]
    public async Task Pages_go_both_ways_and_are_always_ascending()
    {
        await _store.AppendAsync(new RoomScript("lobby").Opening(messages: 6), Deadline);
        var ana = new MemberKey("lobby", "ana");

        var newest = await _store.ReadPageAsync(ana, HistoryRange.Newest, 2, Deadline);
        var before = await _store.ReadPageAsync(ana, HistoryRange.BeforeSeq(7), 3, Deadline);
        var after = await _store.ReadPageAsync(ana, HistoryRange.AfterSeq(4), 3, Deadline);

        Assert.Equal([7, 8], newest!.Messages.Select(message => message.Seq));
        Assert.Equal([4, 5, 6], before!.Messages.Select(message => message.Seq));
        Assert.Equal([5, 6, 7], after!.Messages.Select(message => message.Seq));
    }

    [Fact]
    public async Task A_message_keeps_every_field()
    {
        var lobby = new RoomScript("lobby");
        var content = string.Concat(Enumerable.Repeat("ñ 🎉 \"'\\\n", 2_000));
        await _store.AppendAsync([lobby.Created(), lobby.Said("ana", "c-1", content)], Deadline);

        var page = await _store.ReadPageAsync(new("lobby", "ana"), HistoryRange.Newest, 10, Deadline);

        var expected = new Message
        {
            MessageId = "id-ana-c-1", Seq = 2, UpdatedSeq = 2, UserId = "ana", Username = "ANA", Content = content, CreatedAtMs = 1_700_000_000_002,
            ClientMsgId = "c-1", ReplyTo = "id-0", Metadata = Google.Protobuf.ByteString.CopyFromUtf8("{\"a\":1}"),
        };
        Assert.Equal(expected, Assert.Single(page!.Messages));
    }

    [Fact]
    public async Task Empty_texts_and_metadata_stay_empty()
    {
        var bare = new RoomEvent { Seq = 2, CreatedAtMs = 5, UserId = "ana", Message = new MessageCreated { MessageId = "id", Content = "x" } };
        await _store.AppendAsync([new RoomScript("lobby").Created(), new LogEntry("lobby", "ana", "~id", bare)], Deadline);

        var page = await _store.ReadPageAsync(new("lobby", "ana"), HistoryRange.Newest, 10, Deadline);

        var message = Assert.Single(page!.Messages);
        Assert.Equal("", message.Username + message.ClientMsgId + message.ReplyTo);
        Assert.True(message.Metadata.IsEmpty);
    }

    [Fact]
    public async Task A_large_flush_of_many_rooms_is_one_append()
    {
        var rooms = Enumerable.Range(0, 50).Select(i => new RoomScript($"room-{i}")).ToArray();
        List<LogEntry> entries = [.. rooms.Select(room => room.Created()), .. rooms.Select(room => room.Joined("ana", "owner"))];
        for (var i = 0; i < 20; i++)
        {
            entries.AddRange(rooms.Select(room => room.Said("ana", $"m{i}")));
        }

        Assert.Equal(AppendOutcome.Appended, await _store.AppendAsync(entries, Deadline));

        var loaded = await _store.LoadAsync([.. rooms.Select(room => room.RoomId)], [], Deadline);
        Assert.All(rooms, room => Assert.Equal(22, loaded.Rooms[room.RoomId].LastSeq));
        Assert.Equal(50, (await _store.ListRoomsAsync("ana", Deadline)).Count);
    }

    [Fact]
    public async Task A_members_last_change_in_one_append_counts()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 0);

        await _store.AppendAsync([.. opening, lobby.Joined("bruno"), lobby.Joined("bruno", "moderator")], Deadline);

        var loaded = await _store.LoadAsync(["lobby"], [new("lobby", "bruno")], Deadline);
        Assert.Equal("moderator", loaded.Members[new("lobby", "bruno")].Role);
        Assert.Equal(3, loaded.Rooms["lobby"].Members);
    }

    [Fact]
    public async Task A_users_rooms_are_listed_with_role_and_position()
    {
        var atrium = new RoomScript("atrium");
        var lobby = new RoomScript("lobby");
        await _store.AppendAsync([.. lobby.Opening(messages: 2), .. atrium.Opening(messages: 0), atrium.Joined("bruno")], Deadline);

        var rooms = await _store.ListRoomsAsync("ana", Deadline);

        Assert.Equal(
            [
                new RoomSummary { RoomId = "atrium", Epoch = _store.Epoch, Seq = 3, Role = "owner" },
                new RoomSummary { RoomId = "lobby", Epoch = _store.Epoch, Seq = 4, Role = "owner" },
            ],
            rooms);
    }

    [Fact]
    public async Task A_room_that_does_not_exist_is_null()
    {
        var nobody = new MemberKey("nowhere", "ana");

        Assert.Null(await _store.ReadPageAsync(nobody, HistoryRange.Newest, 10, Deadline));
        Assert.Null(await _store.ReadChangesAsync(nobody, 0, 10, Deadline));
        Assert.Null(await _store.ReadEventsAsync("nowhere", 1, 10, 10, Deadline));
        Assert.Empty(await _store.ListRoomsAsync("ana", Deadline));
    }

    [Fact]
    public async Task Two_writers_that_race_for_one_room_leave_it_gapless_and_nothing_twice()
    {
        const int Each = 60;
        var lobby = new RoomScript("lobby");
        await _store.AppendAsync([lobby.Created()], Deadline);
        var second = await OpenReadyAsync();

        await Task.WhenAll(WriteAllAsync(_store, "ana", Each), WriteAllAsync(second, "bruno", Each));

        var log = await _store.ReadEventsAsync("lobby", 1, long.MaxValue, 1_000, Deadline);
        Assert.Equal(Enumerable.Range(1, (2 * Each) + 1).Select(seq => (long)seq), log!.Events.Select(entry => entry.Seq));
        var messages = log.Events.Skip(1).Select(entry => entry.Message.MessageId).ToArray();
        Assert.Equal(2 * Each, messages.Distinct().Count());
    }

    [Fact]
    public async Task Several_processes_may_initialise_at_once_and_agree_on_the_epoch()
    {
        await DisposeAsync();
        _opened.Clear();
        await CreateAsync();
        var stores = Enumerable.Range(0, 4).Select(_ => Open()).ToArray();
        _opened.AddRange(stores);

        await Task.WhenAll(stores.Select(store => Task.Run(() => store.InitializeAsync(Deadline))));

        Assert.Equal(8, stores[0].Epoch.Length);
        Assert.Single(stores.Select(store => store.Epoch).Distinct());
    }

    [Fact]
    public async Task The_epoch_is_the_databases_and_stays()
    {
        var again = await OpenReadyAsync();

        Assert.Equal(_store.Epoch, again.Epoch);
    }

    [Fact]
    public void Before_it_is_initialised_there_is_no_epoch()
    {
        var store = Open();
        _opened.Add(store);

        Assert.Throws<StoreUnavailableException>(() => store.Epoch);
    }

    [Fact]
    public async Task Every_owner_of_a_partition_has_a_larger_epoch_whatever_its_clock_says()
    {
        var second = await OpenReadyAsync();

        Assert.Equal(1_000, await _store.TakePartitionAsync(3, nowMs: 1_000, Deadline));
        Assert.Equal(1_001, await second.TakePartitionAsync(3, nowMs: 400, Deadline));
        Assert.Equal(5_000, await _store.TakePartitionAsync(3, nowMs: 5_000, Deadline));
        Assert.Equal(400, await second.TakePartitionAsync(4, nowMs: 400, Deadline));
    }

    /// <summary>Appends one message at a time and, when another writer was faster, reads where the room is and tries again.</summary>
    private static async Task WriteAllAsync(IMessageStore store, string userId, int count)
    {
        var room = new RoomScript("lobby") { LastSeq = 1 };
        for (var i = 0; i < count; i++)
        {
            while (await store.AppendAsync([room.Said(userId, $"m{i}")], Deadline) == AppendOutcome.Conflict)
            {
                room.LastSeq = (await store.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"].LastSeq;
            }
        }
    }

    /// <summary>One more store, that is closed with the test.</summary>
    internal async Task<IMessageStore> OpenReadyAsync()
    {
        var store = Open();
        _opened.Add(store);
        await store.InitializeAsync(Deadline);
        return store;
    }
}
