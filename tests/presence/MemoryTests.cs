using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.LastSeen;
using Tertulia.Presence.Status;
using Tertulia.Presence.Tracking;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>Every replica holds every connection of the cluster.</summary>
public sealed class MemoryTests
{
    private const int Connections = 50_000;

    [Fact]
    public void A_connection_of_a_user_of_its_own_in_one_room_costs_less_than_a_kilobyte_to_take_in()
    {
        var changes = new PendingChanges(100) { Muted = true };
        var (options, time) = (Options.Create(new PresenceOptions()), new FakeTimeProvider());
        var map = new PresenceMap(changes, new StatusBook(options, time), new RecentlySeen(time));
        var reports = new NodeReports(map, changes, options, time);
        PresenceReport[] all = [.. Enumerable.Range(0, Connections).Select(i => new PresenceReport
        {
            NodeId = "node-a",
            Version = (ulong)i + 1,
            Delta = new PresenceDelta { Changes = { TestNode.Opened($"connection-{i}", $"user-{i}"), TestNode.Entered($"connection-{i}", $"room-{i / 50}") } },
        })];

        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var report in all)
        {
            reports.Apply(report);
        }

        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Connections;
        Assert.Equal(Connections, map.ConnectionCount);
        Assert.InRange(each, 1, 1_000); // Growing tables included; half of it stays.
    }
}
