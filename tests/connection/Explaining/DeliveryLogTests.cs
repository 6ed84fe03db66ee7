using Microsoft.Extensions.Options;
using Tertulia.Connections.Explaining;

namespace Tertulia.Connections.Tests.Explaining;

/// <summary>What a node remembers is bounded.</summary>
public sealed class DeliveryLogTests
{
    [Fact]
    public void The_oldest_is_forgotten()
    {
        var log = new DeliveryLog(Options.Create(new ExplainOptions { Deliveries = 3, Departures = 2 }));
        for (var seq = 1; seq <= 4; seq++)
        {
            log.Add(new Delivery("lobby", "e1", seq, 1, 1_000 + seq, 2, null));
            log.Add(new Departure("lobby", $"c{seq}", "ana", After: 0, UpTo: 10, "e1"));
        }

        Assert.Null(log.Find("lobby", "e1", 1));
        Assert.Equal(1_002, log.Find("lobby", "e1", 2)!.Value.AtMs);
        Assert.Equal(1_004, log.Find("lobby", "e1", 4)!.Value.AtMs);
        Assert.Null(log.Find("lobby", "e2", 4));
        Assert.Equal(["c3", "c4"], log.LeftSince("lobby", "e1", 5).Select(left => left.ConnectionId).Order(StringComparer.Ordinal));
        Assert.Empty(log.LeftSince("lobby", "e1", 11));
    }

    [Fact]
    public void Nothing_is_remembered_where_that_is_turned_off()
    {
        var log = new DeliveryLog(Options.Create(new ExplainOptions { Deliveries = 0, Departures = 0 }));

        log.Add(new Delivery("lobby", "e1", 1, 1, 1, 2, null));
        log.Add(new Departure("lobby", "c1", "ana", 0, 10, "e1"));

        Assert.False(log.IsOn);
        Assert.Null(log.Find("lobby", "e1", 1));
        Assert.Empty(log.LeftSince("lobby", "e1", 1));
    }
}
