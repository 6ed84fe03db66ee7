using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Rooms;

public sealed class EventOrderTests
{
    private readonly EventOrder _order = new();

    public EventOrderTests() => _order.SetBase(10);

    [Fact]
    public void The_next_entry_is_delivered_at_once()
    {
        Assert.Equal(Arrival.Next, Accept(11));
        Assert.Equal(Arrival.Next, Accept(12));

        Assert.Equal(12, _order.Last);
        Assert.False(_order.HasHole);
    }

    [Fact]
    public void An_entry_that_came_before_is_old()
    {
        Accept(11);

        Assert.Equal(Arrival.Old, Accept(11));
        Assert.Equal(Arrival.Old, Accept(10));
    }

    [Fact]
    public void Early_entries_wait_for_the_missing_one_and_follow_it_in_order()
    {
        Assert.Equal(Arrival.Early, Accept(13));
        Assert.Equal(Arrival.Early, Accept(12));
        Assert.Equal(Arrival.Early, Accept(12));
        Assert.Null(_order.TakeNext());
        Assert.True(_order.HasHole);

        Assert.Equal(Arrival.Next, Accept(11));

        Assert.Equal([12, 13], TakeAll());
        Assert.False(_order.HasHole);
    }

    [Fact]
    public void An_entry_that_came_another_way_does_not_come_again_from_those_that_waited()
    {
        Accept(12);
        Accept(11);
        Accept(12); // From the log.

        Assert.Empty(TakeAll());
        Assert.Equal(12, _order.Last);
    }

    [Fact]
    public void What_is_known_to_exist_is_a_hole_until_it_came()
    {
        _order.Expect(11);
        Assert.True(_order.HasHole);

        Accept(11);
        Assert.False(_order.HasHole);
    }

    [Fact]
    public void What_never_comes_is_skipped()
    {
        Accept(14);

        _order.SkipTo(13);

        Assert.Equal([14], TakeAll());
    }

    [Fact]
    public void More_early_bytes_than_may_wait_are_left_to_the_repair()
    {
        const int Large = EventOrder.CapacityBytes / 4;
        for (var seq = 12L; seq < 20; seq++)
        {
            Accept(seq, Large);
        }

        Accept(11);

        Assert.Equal([12, 13, 14], TakeAll()); // Three and the fields of their entries.
        Assert.True(_order.HasHole);
    }

    [Fact]
    public void What_has_left_makes_room_for_other_early_entries()
    {
        const int Large = EventOrder.CapacityBytes / 2;
        Accept(12, Large);
        Accept(11);
        TakeAll();
        Accept(14, Large);
        _order.SkipTo(14);
        Accept(16, Large);

        Accept(15);

        Assert.Equal([16], TakeAll());
    }

    [Fact]
    public void Many_small_early_entries_wait()
    {
        for (var seq = 12L; seq < 5012; seq++)
        {
            Accept(seq);
        }

        Accept(11);

        Assert.Equal(5000, TakeAll().Count);
    }

    private Arrival Accept(long seq, int bytes = 0) => _order.Accept(new RoomEvent { Seq = seq, Traceparent = new string('x', bytes) });

    private List<long> TakeAll()
    {
        var taken = new List<long>();
        while (_order.TakeNext() is { } entry)
        {
            taken.Add(entry.Seq);
        }

        return taken;
    }
}
