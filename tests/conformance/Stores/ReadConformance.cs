using System.Text;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What is read of a room is bounded by count and by bytes, and says what it left out.</summary>
public abstract class ReadConformance(IStoreDatabase database) : StoreConformance(database)
{
    private static readonly MemberKey Ana = new("lobby", "ana");

    [Fact]
    public async Task A_part_of_the_log_is_read_by_its_bounds_and_limit()
    {
        await AppendedAsync(new RoomScript("lobby").Opening(messages: 8));

        var middle = await Store.ReadEventsAsync("lobby", 4, 6, ReadLimit.Of(3), Deadline);
        var limited = await Store.ReadEventsAsync("lobby", 4, 10, ReadLimit.Of(2), Deadline);
        var beyond = await Store.ReadEventsAsync("lobby", 11, 20, ReadLimit.Of(100), Deadline);

        Assert.Equal(("4,5,6", false), (Seqs(middle!), middle!.HasMore));
        Assert.Equal(("4,5", true), (Seqs(limited!), limited!.HasMore));
        Assert.Equal(("", false, 10L, Store.Epoch), (Seqs(beyond!), beyond!.HasMore, beyond.LastSeq, beyond.Epoch));
    }

    [Fact]
    public async Task Pages_go_both_ways_and_are_always_ascending()
    {
        await AppendedAsync(new RoomScript("lobby").Opening(messages: 6));

        var newest = await Store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(2), Deadline);
        var before = await Store.ReadPageAsync(Ana, HistoryRange.BeforeSeq(6), ReadLimit.Of(3), Deadline);
        var after = await Store.ReadPageAsync(Ana, HistoryRange.AfterSeq(4), ReadLimit.Of(3), Deadline);
        var all = await Store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(6), Deadline);

        Assert.Equal(("7,8", true), (Seqs(newest!), newest!.HasMore));
        Assert.Equal(("3,4,5", false), (Seqs(before!), before!.HasMore));
        Assert.Equal(("5,6,7", true), (Seqs(after!), after!.HasMore));
        Assert.Equal(("3,4,5,6,7,8", false), (Seqs(all!), all!.HasMore));
        Assert.Equal(Store.Epoch, all.Epoch);
    }

    [Fact]
    public async Task What_is_read_is_cut_by_bytes_at_the_far_end_and_goes_on_from_there()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 0), .. Enumerable.Range(0, 20).Select(i => lobby.Said("ana", $"m{i}", new string('x', 10_000)))]);
        var limit = new ReadLimit(100, Bytes: 45_000); // Four of them.

        var newest = await Store.ReadPageAsync(Ana, HistoryRange.Newest, limit, Deadline);
        var after = await Store.ReadPageAsync(Ana, HistoryRange.AfterSeq(2), limit, Deadline);
        var changes = await Store.ReadChangesAsync(Ana, sinceSeq: 2, limit, Deadline);
        var events = await Store.ReadEventsAsync("lobby", 3, 22, limit, Deadline);
        var rest = await Store.ReadChangesAsync(Ana, sinceSeq: 18, limit, Deadline);

        Assert.Equal(("19,20,21,22", true), (Seqs(newest!), newest!.HasMore));
        Assert.Equal(("3,4,5,6", true), (Seqs(after!), after!.HasMore));
        Assert.Equal(("3,4,5,6", true), (Seqs(changes!), changes!.HasMore));
        Assert.Equal(("3,4,5,6", true), (Seqs(events!), events!.HasMore));
        Assert.Equal(("19,20,21,22", false), (Seqs(rest!), rest!.HasMore));
    }

    [Fact]
    public async Task One_that_alone_is_larger_than_the_limit_comes_alone()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 1), lobby.Said("ana", "large", new string('x', 100_000)), lobby.Said("ana", "after")]);
        var limit = new ReadLimit(100, Bytes: 1_000);

        Assert.Equal(("4", true), await Store.ReadPageAsync(Ana, HistoryRange.BeforeSeq(5), limit, Deadline) is { } before ? (Seqs(before), before.HasMore) : default);
        Assert.Equal(("4", true), await Store.ReadPageAsync(Ana, HistoryRange.AfterSeq(3), limit, Deadline) is { } after ? (Seqs(after), after.HasMore) : default);
        Assert.Equal(("4", true), await Store.ReadChangesAsync(Ana, 3, limit, Deadline) is { } changes ? (Seqs(changes), changes.HasMore) : default);
        Assert.Equal(("4", true), await Store.ReadEventsAsync("lobby", 4, 9, limit, Deadline) is { } events ? (Seqs(events), events.HasMore) : default);
    }

    [Fact]
    public async Task A_message_keeps_every_field()
    {
        var lobby = new RoomScript("lobby");
        var content = new StringBuilder().Insert(0, "ñ 🎉 \"'\\\n", 2_000).ToString();
        await AppendedAsync(lobby.Created(), lobby.Said("ana", "c-1", content));

        var page = await Store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(10), Deadline);

        var expected = new Message
        {
            MessageId = "id-ana-c-1", Seq = 2, UpdatedSeq = 2, UserId = "ana", Username = "ANA", Content = content, CreatedAtMs = 1_700_000_000_002,
            ClientMsgId = "c-1", ReplyTo = "id-0", Metadata = Google.Protobuf.ByteString.CopyFromUtf8("{\"a\":1}"), Version = 1,
        };
        Assert.Equal(expected, Assert.Single(page!.Messages));
    }

    [Fact]
    public async Task Empty_texts_and_metadata_stay_empty()
    {
        var bare = new RoomEvent { Seq = 2, CreatedAtMs = 5, UserId = "ana", Message = new MessageCreated { MessageId = "id", Content = "x" } };
        await AppendedAsync(new RoomScript("lobby").Created(), new RoomEntry("lobby", new LogEntry("ana", "~id", bare)));

        var page = await Store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(10), Deadline);

        var message = Assert.Single(page!.Messages);
        Assert.Equal("", message.Username + message.ClientMsgId + message.ReplyTo);
        Assert.True(message.Metadata.IsEmpty);
    }

    [Fact]
    public async Task Events_are_found_by_their_keys()
    {
        var entries = new RoomScript("lobby").Opening(messages: 3);
        await AppendedAsync(entries);

        var found = await Store.FindByKeysAsync([entries[3].Key, entries[1].Key, new("lobby", "ana", "m9"), new("lobby", "bruno", "m1")], Deadline);

        Assert.Equal(2, found.Count);
        Assert.Equal(entries[3].Event, found[entries[3].Key]);
        Assert.Equal(entries[1].Event, found[entries[1].Key]);
    }

    [Fact]
    public async Task A_room_that_does_not_exist_is_null()
    {
        var nobody = new MemberKey("nowhere", "ana");

        Assert.Null(await Store.ReadPageAsync(nobody, HistoryRange.Newest, ReadLimit.Of(10), Deadline));
        Assert.Null(await Store.ReadChangesAsync(nobody, 0, ReadLimit.Of(10), Deadline));
        Assert.Null(await Store.ReadEventsAsync("nowhere", 1, 10, ReadLimit.Of(10), Deadline));
        Assert.Empty((await Store.ListRoomsAsync("ana", "", 10, Deadline)).Rooms);
    }

    private static string Seqs(LogView view) => string.Join(",", view.Events.Select(entry => entry.Seq));

    private static string Seqs(RoomView view) => string.Join(",", view.Messages.Select(message => message.Seq));
}
