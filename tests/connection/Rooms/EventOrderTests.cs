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
    public void Too_many_early_entries_are_left_to_the_repair()
    {
        for (var seq = 12L; seq < 12 + EventOrder.Capacity + 5; seq++)
        {
            Accept(seq);
        }

        Accept(11);

        Assert.Equal(EventOrder.Capacity, TakeAll().Count);
        Assert.True(_order.HasHole);
        Assert.Equal(11 + EventOrder.Capacity, _order.Last);
    }

    private Arrival Accept(long seq) => _order.Accept(new RoomEvent { Seq = seq });

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
