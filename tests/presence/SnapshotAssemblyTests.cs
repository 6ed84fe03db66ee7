using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Tests;

public sealed class SnapshotAssemblyTests
{
    [Fact]
    public void A_connection_that_comes_in_several_parts_is_put_together_and_what_was_received_stays_as_it_came()
    {
        var parts = Enumerable.Range(0, 3).Select(part => new PresenceSnapshot
        {
            Part = (uint)part, Parts = 3, Connections = { new PresentConnection { ConnectionId = "c1", UserId = "ana", RoomIds = { $"room-{part}" } } },
        }).ToArray();
        var received = parts.Select(part => part.Clone()).ToArray();
        var assembly = new SnapshotAssembly(version: 1);

        var complete = parts.Select(assembly.Add).ToArray();

        Assert.Equal([false, false, true], complete);
        Assert.Equal(["room-0", "room-1", "room-2"], Assert.Single(assembly.Connections).RoomIds);
        Assert.Equal(received, parts);
    }
}
