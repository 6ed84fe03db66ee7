using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>A message that an entry changes is shown as it is now, wherever it is read, and its entry in the log stays what it was, but for a text that is gone.</summary>
public abstract class ChangeConformance(IStoreDatabase database) : StoreConformance(database)
{
    private static readonly MemberKey Ana = new("lobby", "ana");

    [Fact]
    public async Task A_message_is_found_by_its_id_in_its_current_state()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 3);
        await AppendedAsync([.. opening, .. new RoomScript("other").Opening(messages: 0)]);
        await AppendedAsync(lobby.Edited(opening[3], "edited"));

        var found = await Store.FindMessagesAsync(["id-ana-m1", "id-ana-m2", "id-nobody-m1"], Deadline);

        Assert.Equal(
            [("lobby", 3, 3, "content 1"), ("lobby", 4, 6, "edited")],
            found.OrderBy(message => message.Message.Seq)
                .Select(message => (message.RoomId, message.Message.Seq, message.Message.UpdatedSeq, message.Message.Content)));
    }

    [Fact]
    public async Task Pages_show_the_current_state_at_the_place_of_the_message()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 3);
        await AppendedAsync([.. opening, lobby.Edited(opening[2], "once"), lobby.Said("ana", "m4", "content 4"), lobby.Edited(opening[2], "twice")]);

        var newest = await Store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(10), Deadline);
        var after = await Store.ReadPageAsync(Ana, HistoryRange.AfterSeq(2), ReadLimit.Of(1), Deadline);

        Assert.Equal(["twice", "content 2", "content 3", "content 4"], newest!.Messages.Select(message => message.Content));
        Assert.Equal([(3, 8), (4, 4), (5, 5), (7, 7)], newest.Messages.Select(message => (message.Seq, message.UpdatedSeq)));
        Assert.Equal(8, newest.Head.LastSeq);
        Assert.Equal("twice", Assert.Single(after!.Messages).Content);
    }

    [Fact]
    public async Task Changes_since_a_position_are_new_messages_and_changed_ones_in_the_order_of_their_change()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 4);
        await AppendedAsync(opening);
        await AppendedAsync([lobby.Edited(opening[4], "edited 3"), lobby.Joined("bruno")]);
        var late = lobby.Said("ana", "m5", "content 5");
        await AppendedAsync([late, lobby.Edited(opening[2], "edited 1"), lobby.Edited(late, "edited 5"), lobby.Said("ana", "m6", "content 6")]);

        var all = await Store.ReadChangesAsync(Ana, sinceSeq: 0, ReadLimit.Of(100), Deadline);
        var since = await Store.ReadChangesAsync(Ana, sinceSeq: 6, ReadLimit.Of(2), Deadline);
        var rest = await Store.ReadChangesAsync(Ana, since!.Messages[^1].UpdatedSeq, ReadLimit.Of(2), Deadline);
        var none = await Store.ReadChangesAsync(Ana, lobby.LastSeq, ReadLimit.Of(2), Deadline);

        Assert.Equal(["content 2", "content 4", "edited 3", "edited 1", "edited 5", "content 6"], all!.Messages.Select(message => message.Content));
        Assert.Equal(["edited 3", "edited 1"], since.Messages.Select(message => message.Content));
        Assert.Equal(["edited 5", "content 6"], rest!.Messages.Select(message => message.Content));
        Assert.Equal((true, false, false), (since.HasMore, rest.HasMore, none!.HasMore));
        Assert.Empty(none.Messages);
    }

    [Fact]
    public async Task The_log_keeps_both_the_message_and_its_change()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 1);
        var edit = lobby.Edited(opening[2], "edited");
        await AppendedAsync([.. opening, edit]);

        var log = await LogAsync("lobby");

        Assert.Equal([.. opening.Select(entry => entry.Event), edit.Event], log!.Events);
    }

    [Fact]
    public async Task An_entry_takes_the_text_out_of_older_ones_in_its_own_step()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 2);
        await AppendedAsync(opening);
        var (first, second) = (Without(opening[2].Event), Without(opening[3].Event));
        var edit = lobby.Edited(opening[2], "once");
        var again = lobby.Edited(opening[2], "twice");
        var emptied = Without(edit.Event);
        edit = edit with { Entry = edit.Entry with { Erased = first } };
        again = again with { Entry = again.Entry with { Erased = emptied } }; // Of this very append.
        await AppendedAsync(edit, again);

        var refused = lobby.Edited(opening[3], "no");
        var outcomes = await AppendAsync(refused with { Entry = refused.Entry with { Erased = second } }, lobby.Said("ana", "m1"));

        Assert.Equal([AppendOutcome.Conflict], outcomes);
        Assert.Equal([opening[0].Event, opening[1].Event, first, opening[3].Event, emptied, again.Event], (await LogAsync("lobby"))!.Events);

        static RoomEvent Without(RoomEvent entry)
        {
            var emptied = entry.Clone();
            if (emptied.Message is { } message)
            {
                message.Content = "";
            }
            else
            {
                emptied.Extension.Verb = "test.emptied";
            }

            return emptied;
        }
    }

    [Fact]
    public async Task What_is_done_to_others_is_in_the_audit_log_with_its_entry_and_nothing_else_is()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 1), lobby.Joined("bruno")]);
        var kick = lobby.Wrote("ana", new RoomEvent { Member = new MemberChanged { UserId = "bruno", Action = MemberAction.Kick, Reason = "spam", Members = 1 } });
        await AppendedAsync(kick, lobby.Wrote("ana", new RoomEvent { Deleted = new MessageDeleted { MessageId = "m", AuthorId = "ana" } }));
        var refused = await AppendAsync(
            lobby.Wrote("ana", new RoomEvent { RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "open" }, Changed = { "topic" } } }), lobby.Said("ana", "m1"));

        var records = await Database.OpenAudit().ReadAsync(new AuditFilter("", "", "", ""), long.MaxValue, "", 10, Deadline);

        Assert.Equal([AppendOutcome.Conflict], refused);
        var record = Assert.Single(records);
        Assert.Equal(
            (kick.Event.CreatedAtMs, "ana", "member_kicked", "lobby", "bruno", "spam"),
            (record.AtMs, record.ActorId, record.Action, record.RoomId, record.TargetId, record.Detail));
    }

    [Fact]
    public async Task A_refused_append_changes_no_message()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 1);
        await AppendedAsync(opening);

        var outcomes = await AppendAsync([lobby.Edited(opening[2], "edited"), lobby.Said("ana", "m1"), new RoomScript("other").Created()]);

        Assert.Equal([AppendOutcome.Conflict, AppendOutcome.Appended], outcomes);
        Assert.Equal("content 1", Assert.Single(await Store.FindMessagesAsync(["id-ana-m1"], Deadline)).Message.Content);
    }

    [Fact]
    public async Task The_replies_of_a_thread_are_read_by_their_root_in_their_current_state()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 2);
        await AppendedAsync([.. opening, .. new RoomScript("other").Opening(messages: 1)]);
        var replies = Enumerable.Range(1, 4).Select(number => lobby.Replied("ana", $"r{number}", opening[2])).ToArray();
        await AppendedAsync([.. replies, lobby.Replied("ana", "elsewhere", opening[3]), lobby.Said("ana", "m3"), lobby.Edited(replies[1], "edited")]);

        var newest = await Store.ReadThreadAsync(Ana, rootSeq: 3, HistoryRange.Newest, ReadLimit.Of(3), Deadline);
        var older = await Store.ReadThreadAsync(Ana, rootSeq: 3, HistoryRange.BeforeSeq(newest!.Messages[0].Seq), ReadLimit.Of(3), Deadline);
        var after = await Store.ReadThreadAsync(Ana, rootSeq: 3, HistoryRange.AfterSeq(replies[2].Event.Seq), ReadLimit.Of(3), Deadline);
        var none = await Store.ReadThreadAsync(Ana, rootSeq: 99, HistoryRange.Newest, ReadLimit.Of(3), Deadline);

        Assert.Equal(["edited", "r3", "r4"], newest.Messages.Select(message => message.Content));
        Assert.Equal(["id-ana-m1"], newest.Messages.Skip(1).Select(message => message.ThreadRoot).Distinct());
        Assert.Equal((true, false, false), (newest.HasMore, older!.HasMore, after!.HasMore));
        Assert.Equal(["r1"], older.Messages.Select(message => message.Content));
        Assert.Equal(["r4"], after.Messages.Select(message => message.Content));
        Assert.Empty(none!.Messages);
        Assert.Equal("owner", none.Reader.Role);
        Assert.Null(await Store.ReadThreadAsync(new MemberKey("nowhere", "ana"), 3, HistoryRange.Newest, ReadLimit.Of(3), Deadline));
    }

    [Fact]
    public async Task Pinned_messages_are_read_from_the_newest_pin_and_counted()
    {
        var lobby = new RoomScript("lobby");
        var other = new RoomScript("other");
        var opening = lobby.Opening(messages: 3);
        await AppendedAsync([.. opening, .. other.Opening(messages: 1)]);
        await AppendedAsync([lobby.Pinned(opening[3]), lobby.Pinned(opening[2]), lobby.Pinned(opening[4])]);
        await AppendedAsync(lobby.Pinned(opening[4], unpin: true));

        var first = await Store.ReadPinsAsync(Ana, long.MaxValue, ReadLimit.Of(1), Deadline);
        var second = await Store.ReadPinsAsync(Ana, first!.Messages[0].PinnedSeq, ReadLimit.Of(1), Deadline);
        var counts = await Store.CountPinsAsync(["lobby", "other", "nowhere"], Deadline);

        Assert.Equal([("content 1", 3L, 7L)], first.Messages.Select(message => (message.Content, message.Seq, message.PinnedSeq)));
        Assert.Equal([("content 2", 4L, 6L)], second!.Messages.Select(message => (message.Content, message.Seq, message.PinnedSeq)));
        Assert.Equal((true, false), (first.HasMore, second.HasMore));
        Assert.Equal([new("lobby", 2)], counts);
        Assert.Empty((await Store.ReadPinsAsync(new MemberKey("other", "ana"), long.MaxValue, ReadLimit.Of(1), Deadline))!.Messages);
    }

    [Fact]
    public async Task What_a_user_has_not_read_is_a_subtraction()
    {
        var lobby = new RoomScript("lobby");
        var opening = lobby.Opening(messages: 2);
        await AppendedAsync([.. opening, lobby.Joined("bruno"), lobby.Said("ana", "m3")]);
        await AppendedAsync([lobby.Edited(opening[2], "edited"), lobby.Said("ana", "m4"), lobby.Said("ana", "m5")]);

        var head = (await Store.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"];
        var read = await Store.CountMessagesAsync([new("lobby", 2), new("lobby", 5), new("lobby", 6), new("lobby", 99), new("nowhere", 1)], Deadline);

        Assert.Equal(5, head.Messages);
        Assert.Equal([(2L, 0L), (5L, 2L), (6L, 3L)], read.OrderBy(count => count.Key.Seq).Select(count => (count.Key.Seq, count.Value)));
    }
}
