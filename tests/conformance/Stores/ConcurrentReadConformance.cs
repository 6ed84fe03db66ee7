using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Who reads while others write and join sees the room at one moment: no hole, nothing twice, whatever kinds of entries are appended.</summary>
/// <remarks>Every third seq is a user who joins, every other one a message: what a room with a given last seq holds is known.</remarks>
public abstract class ConcurrentReadConformance(IStoreDatabase database) : StoreConformance(database)
{
    private const int Flushes = 400;
    private const int Page = 20;
    private static readonly MemberKey Ana = new("lobby", "ana");

    [Fact]
    public async Task A_page_has_every_message_up_to_the_rooms_last_seq() => await ReadWhileWritingAsync(async store =>
    {
        var view = await store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(Page), Deadline);
        Assert.Equal(MessagesBetween(0, view!.Head.LastSeq).TakeLast(Page), view.Messages.Select(message => message.Seq));
        Assert.Equal(MessagesBetween(0, view.Head.LastSeq).Count(), view.Head.Messages);
        Assert.Equal(view.Head.LastSeq / 3, view.Head.Members);
        return view.Head.LastSeq;
    });

    [Fact]
    public async Task Changes_since_a_position_are_all_up_to_the_rooms_last_seq()
    {
        var since = 0L;
        await ReadWhileWritingAsync(async store =>
        {
            var view = await store.ReadChangesAsync(Ana, since, ReadLimit.Of(10_000), Deadline);
            Assert.Equal(MessagesBetween(since, view!.Head.LastSeq), view.Messages.Select(message => message.Seq));
            since = Math.Max(0, view.Head.LastSeq - Page);
            return view.Head.LastSeq;
        });
    }

    [Fact]
    public async Task Events_are_all_up_to_the_rooms_last_seq()
    {
        var from = 1L;
        await ReadWhileWritingAsync(async store =>
        {
            var view = await store.ReadEventsAsync("lobby", from, long.MaxValue, ReadLimit.Of(10_000), Deadline);
            Assert.Equal(Between(from - 1, view!.LastSeq), view.Events.Select(entry => entry.Seq));
            from = Math.Max(1, view.LastSeq - Page);
            return view.LastSeq;
        });
    }

    [Fact]
    public async Task A_room_is_loaded_and_listed_with_what_belongs_together() => await ReadWhileWritingAsync(async store =>
    {
        var head = (await store.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"];
        Assert.Equal(((long)MessagesBetween(0, head.LastSeq).Count(), head.LastSeq / 3), (head.Messages, (long)head.Members));
        var listed = (await store.ListRoomsAsync("ana", "", 10, Deadline)).Rooms[0];
        Assert.Equal(MessagesBetween(0, listed.LastSeq).Count(), listed.Messages);
        return listed.LastSeq;
    });

    /// <summary>Reads as fast as it can, through the writer's store and through one of its own, until everything is written.</summary>
    private async Task ReadWhileWritingAsync(Func<IMessageStore, Task<long>> read)
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Created(), lobby.Said("ana", "first"), lobby.Joined("ana"));
        var other = await OpenReadyAsync();
        var writing = Task.Run(() => WriteAsync(lobby));
        while (!writing.IsCompleted)
        {
            await read(Store);
            await read(other);
        }

        await writing;
        Assert.Equal(lobby.LastSeq, await read(other));
    }

    private async Task WriteAsync(RoomScript lobby)
    {
        var other = new RoomScript("other");
        await AppendedAsync(other.Opening(messages: 0));
        for (var flush = 0; flush < Flushes; flush++)
        {
            // One to four entries, so that flushes end in messages and in joins.
            List<RoomEntry> entries = [other.Said("ana", $"o{flush}")];
            for (var i = 0; i <= flush % 4; i++)
            {
                entries.Add(lobby.LastSeq % 3 == 2 ? lobby.Joined($"user-{lobby.LastSeq}") : lobby.Said("ana", $"m{lobby.LastSeq}"));
            }

            await AppendedAsync(entries);
        }
    }

    private static IEnumerable<long> Between(long after, long last) => Enumerable.Range(0, (int)(last - after)).Select(i => after + 1 + i);

    // Seq 1 is the room, and each seq that three divides is a member.
    private static IEnumerable<long> MessagesBetween(long after, long last) => Between(after, last).Where(seq => seq > 1 && seq % 3 != 0);
}
