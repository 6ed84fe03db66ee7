using System.Text;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What a room keeps no longer is not shown from the entry on that says so, and can be emptied; seqs, keys and counts stay.</summary>
public abstract class RetentionConformance(IStoreDatabase database) : StoreConformance(database)
{
    private static readonly MemberKey Ana = new("lobby", "ana");

    private readonly RoomScript _lobby = new("lobby");

    private IRetention Retention => field ??= Database.OpenRetention();

    [Fact]
    public async Task From_the_entry_on_nothing_of_before_is_shown()
    {
        var opening = _lobby.Opening(messages: 4); // m1 is 3, m4 is 6.
        await AppendedAsync(opening);
        await AppendedAsync(
            _lobby.Joined("bruno"), _lobby.Pinned(opening[2]), _lobby.Pinned(opening[5]), _lobby.Replied("bruno", "r1", opening[2]), _lobby.Edited(opening[3], "edited 2"));
        await AppendedAsync(_lobby.Wrote("", new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = 6 } }));

        var page = await Store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(10), Deadline);
        var older = await Store.ReadPageAsync(Ana, HistoryRange.BeforeSeq(6), ReadLimit.Of(10), Deadline);
        var changes = await Store.ReadChangesAsync(Ana, 0, ReadLimit.Of(10), Deadline);
        var pins = await Store.ReadPinsAsync(Ana, long.MaxValue, ReadLimit.Of(10), Deadline);
        var thread = await Store.ReadThreadAsync(Ana, 3, HistoryRange.Newest, ReadLimit.Of(10), Deadline);
        var found = await Store.FindMessagesAsync(["id-ana-m1", "id-ana-m4"], Deadline);

        Assert.Equal(["content 4", "r1"], page!.Messages.Select(message => message.Content));
        Assert.Equal((6L, 12L), (page.Head.FirstSeq, page.Head.LastSeq));
        Assert.Equal((0, false), (older!.Messages.Count, older.HasMore));
        Assert.Equal(["content 4", "r1"], changes!.Messages.Select(message => message.Content).Order(StringComparer.Ordinal));
        Assert.Equal(["content 4"], pins!.Messages.Select(message => message.Content));
        Assert.Equal([new("lobby", 1)], await Store.CountPinsAsync(["lobby"], Deadline));
        Assert.Equal(["r1"], thread!.Messages.Select(message => message.Content));
        Assert.Equal([("", true), ("content 4", false)], found.OrderBy(one => one.Message.Seq).Select(one => (one.Message.Content, one.Message.DeletedAtMs > 0)));
        var marks = Database.OpenMarks();
        Assert.Equal(new ReadState(Seq: 7, MessagesRead: 4, LastSeq: 12, Messages: 5), (await marks.ReadAsync([new("lobby", "bruno")], Deadline))[new("lobby", "bruno")] with { Seq = 7, MessagesRead = 4 });
        Assert.Equal(new ReadState(Seq: 5, MessagesRead: 3, LastSeq: 12, Messages: 5), (await marks.ReadAsync([new("lobby", "zoe")], Deadline))[new("lobby", "zoe")]);
    }

    [Fact]
    public async Task A_part_of_the_log_is_emptied_with_the_edits_of_its_messages_and_keeps_its_places_and_keys()
    {
        var opening = _lobby.Opening(messages: 3);
        await AppendedAsync(opening);
        var edit = _lobby.Wrote("ana", new RoomEvent { Edited = new MessageEdited { MessageId = "id-ana-m1", MessageSeq = 3, Content = "edited 1" } });
        var state = new Message { MessageId = "id-ana-m1", UserId = "ana", Content = "edited 1", TextSeq = edit.Event.Seq };
        await AppendedAsync(edit with { Entry = edit.Entry with { Change = new MessageChange(3, state) } });
        await AppendedAsync(_lobby.Wrote("", new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = 5 } }));

        await Retention.EraseAsync("lobby", 1, 5, Deadline);
        await Retention.EraseAsync("lobby", 1, 5, Deadline); // Another owner did it, too.

        var log = (await LogAsync("lobby"))!.Events;
        var said = Encoding.UTF8.GetString(log.SelectMany(entry => entry.ToByteArray()).ToArray());
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], log.Select(entry => entry.Seq));
        Assert.DoesNotContain("content 1", said);
        Assert.DoesNotContain("content 2", said);
        Assert.DoesNotContain("edited 1", said);
        Assert.Contains("content 3", said);
        Assert.Equal("id-ana-m1", (await Store.FindByKeysAsync([opening[2].Key], Deadline))[opening[2].Key].Message.MessageId);
        Assert.Equal(2, (await Store.CountMessagesAsync([new("lobby", 4)], Deadline))[new("lobby", 4)]);
        Assert.Equal(5, (await Retention.FindAsync("lobby", Deadline))!.Value.ErasedSeq);
    }

    [Fact]
    public async Task Rooms_are_listed_that_keep_messages_for_a_time_or_are_no_more()
    {
        await AppendedAsync([.. _lobby.Opening(messages: 1), Kept(_lobby, 30), .. new RoomScript("other").Opening(messages: 1)]);
        var gone = new RoomScript("gone");
        await AppendedAsync([.. gone.Opening(messages: 1), gone.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() })]);

        var first = await Retention.ListAsync("", 1, Deadline);
        var second = await Retention.ListAsync(first.Items[0].RoomId, 10, Deadline);

        Assert.Equal([new RetainedRoom("gone", 0, 1, 1, 4, IsDeleted: true)], first.Items);
        Assert.Equal([new RetainedRoom("lobby", 30, 1, 1, 4, IsDeleted: false)], second.Items);
        Assert.Equal((true, false), (first.HasMore, second.HasMore));

        await Retention.EraseAsync("gone", 1, long.MaxValue, Deadline);
        await AppendedAsync(Kept(_lobby, 0));
        Assert.Empty((await Retention.ListAsync("", 10, Deadline)).Items);
        Assert.Equal("", (await LogAsync("gone"))!.Events[2].Message.Content);
    }

    [Fact]
    public async Task What_is_older_is_looked_for_from_the_beginning_and_no_further_than_asked()
    {
        await AppendedAsync(_lobby.Opening(messages: 5)); // Each a millisecond after the one before.

        Assert.Equal(5, await Retention.FindFirstKeptAsync("lobby", 1, 1_700_000_000_005, 100, Deadline));
        Assert.Equal(4, await Retention.FindFirstKeptAsync("lobby", 1, 1_700_000_000_005, 3, Deadline));
        Assert.Equal(1, await Retention.FindFirstKeptAsync("lobby", 1, 1_700_000_000_001, 100, Deadline));
        Assert.Equal(8, await Retention.FindFirstKeptAsync("lobby", 6, long.MaxValue, 100, Deadline));
        Assert.Equal(1, await Retention.FindFirstKeptAsync("nowhere", 1, long.MaxValue, 100, Deadline));
    }

    private static RoomEntry Kept(RoomScript room, uint days) => room.Wrote(
        "ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "open", RetentionDays = days }, Changed = { "retention_days" } } });
}
