using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What is read of rooms beside their logs.</summary>
public abstract class RoomReadConformance(IStoreDatabase database) : StoreConformance(database)
{
    private IRoomReads Reads => field ??= Database.OpenReads();

    [Fact]
    public async Task When_users_last_wrote_is_read_back_to_a_time()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync(
        [
            .. lobby.Opening(messages: 2), lobby.Joined("bruno"), lobby.Said("bruno", "b1"), lobby.Said("ana", "a1"), lobby.Joined("carla"), lobby.Said("bruno", "b2"),
        ]);
        var first = lobby.LastSeq - 3; // Of b1.

        var all = await Reads.LastSentAsync("lobby", sinceMs: 0, Deadline);
        var late = await Reads.LastSentAsync("lobby", TimeOf(first + 1), Deadline);

        Assert.Equal([("ana", TimeOf(first + 1)), ("bruno", TimeOf(first + 3))], all.OrderBy(time => time.Key, StringComparer.Ordinal).Select(time => (time.Key, time.Value)));
        Assert.Equal([("bruno", TimeOf(first + 3))], late.Select(time => (time.Key, time.Value)));
        Assert.Empty(await Reads.LastSentAsync("nowhere", sinceMs: 0, Deadline));
    }

    private static long TimeOf(long seq) => 1_700_000_000_000 + seq;
}
