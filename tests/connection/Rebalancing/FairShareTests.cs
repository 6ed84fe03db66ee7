using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Rebalancing;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Rebalancing;

/// <summary>How many connections a node lets go, and when it lets none go.</summary>
public sealed class FairShareTests
{
    private static readonly RebalanceOptions Defaults = new();

    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 4)]
    [InlineData(2, 5)]
    public void After_a_scale_out_every_node_has_its_share_moves_are_bounded_and_nobody_is_sent_to_and_fro(int before, int after)
    {
        const int EachBefore = 30_000;
        Node[] nodes = [.. Enumerable.Range(0, after).Select(index => new Node(index, index < before ? EachBefore : 0, NewShare()))];
        var share = EachBefore * before / after;
        var rounds = 0;
        for (var quiet = 0; quiet < 5; rounds++)
        {
            Assert.InRange(rounds, 0, 200);
            Tell(nodes);
            var moved = Array.ConvertAll(nodes, node => node.Decide());
            foreach (var (node, moves) in nodes.Zip(moved))
            {
                Assert.InRange(moves, 0, (int)Math.Ceiling(node.Connections * 0.01 * Defaults.Interval.TotalSeconds));
                Assert.True(moves == 0 || node.Connections - moves >= share, $"{node.Connections} - {moves} is less than {share}");
                for (var move = 0; move < moves; move++)
                {
                    node.Connections--;
                    nodes.MinBy(other => other.Connections)!.Connections++; // As a gateway chooses.
                }
            }

            quiet = moved.Sum() == 0 && rounds > 3 ? quiet + 1 : 0;
            _time.Advance(Defaults.Interval);
        }

        Assert.All(nodes, node => Assert.InRange(node.Connections, share * 0.99, share * 1.01));
    }

    [Fact]
    public void Nothing_moves_before_the_nodes_have_been_the_same_for_a_while()
    {
        var share = NewShare();

        Assert.Equal([0, 0, 50], Moves(share, 1_000, 3, new NodeLoad()));
        share.OnLoad("a third", new NodeLoad());
        Assert.Equal([0, 0, 50], Moves(share, 1_000, 3, new NodeLoad()));
    }

    [Fact]
    public void Nothing_moves_while_a_node_leaves_and_for_a_while_after_it_has_left()
    {
        var share = NewShare();
        Moves(share, 1_000, 3, new NodeLoad());
        share.OnLoad("leaver", new NodeLoad { Connections = 1_000, Leaving = true });

        Assert.Equal([0, 0, 0], Moves(share, 1_000, 3, new NodeLoad())); // Then it was silent for too long, and is gone.
        Assert.Equal([0, 0, 0, 50], Moves(share, 1_000, 4, new NodeLoad()));
    }

    [Fact]
    public void A_node_that_hears_of_no_other_moves_nothing()
    {
        var share = NewShare();
        Moves(share, 1_000, 3, new NodeLoad());

        _time.Advance(Defaults.Interval * FairShare.SilentIntervals);
        Assert.Equal(0, share.Moves(1_000, 0));
        Assert.Equal(1, share.Nodes);
    }

    [Theory]
    [InlineData(1_100, 1_000, 0)] // 4.8 % above.
    [InlineData(1_230, 1_000, 62)] // 10.3 % above.
    [InlineData(499, 0, 0)] // Too few to disturb anybody.
    [InlineData(100_000, 0, 2_500)] // 500 a second, not 1,000.
    public void It_begins_above_its_share_and_tolerance(int own, int other, int expected)
    {
        var share = NewShare();

        Assert.Equal([0, 0, expected], Moves(share, own, 3, new NodeLoad { Connections = (uint)other }));
    }

    [Fact]
    public void It_does_not_count_those_that_were_told_and_have_not_left_yet()
    {
        var share = NewShare();
        Moves(share, 1_000, 2, new NodeLoad());

        Assert.Equal(50, Move(share, 1_000, 0, new NodeLoad()));
        Assert.Equal(48, Move(share, 1_000, 50, new NodeLoad()));
        Assert.Equal(2, Move(share, 1_000, 498, new NodeLoad()));
    }

    [Fact]
    public void It_gives_up_for_a_while_when_its_clients_come_back()
    {
        var share = NewShare();

        Assert.Equal([0, 0, 50, 0], Moves(share, 1_000, 4, new NodeLoad())); // As many as before, although 50 were told to go.

        Assert.True(share.HasGivenUp);
        _time.Advance(FairShare.GivenUpFor);
        Assert.Equal([0, 0, 50], Moves(share, 1_000, 3, new NodeLoad()));
    }

    [Fact]
    public void It_can_be_turned_off()
    {
        var share = new FairShare(Options.Create(new RebalanceOptions { Enabled = false }), _time);

        Assert.Equal([0, 0, 0, 0], Moves(share, 1_000, 4, new NodeLoad()));
    }

    private FairShare NewShare() => new(Options.Create(Defaults), _time);

    /// <summary>Rounds with one other node, and what each of them decides.</summary>
    private int[] Moves(FairShare share, int own, int rounds, NodeLoad other) => [.. Enumerable.Range(0, rounds).Select(_ => Move(share, own, 0, other))];

    private int Move(FairShare share, int own, int told, NodeLoad other)
    {
        share.OnLoad("another", other);
        var moves = share.Moves(own, told);
        _time.Advance(Defaults.Interval);
        return moves;
    }

    private static void Tell(Node[] nodes)
    {
        var loads = Array.ConvertAll(nodes, node => (uint)node.Connections);
        foreach (var node in nodes)
        {
            for (var other = 0; other < nodes.Length; other++)
            {
                if (other != node.Index)
                {
                    node.Share.OnLoad($"node-{other}", new NodeLoad { Connections = loads[other] });
                }
            }
        }
    }

    private sealed class Node(int index, int connections, FairShare share)
    {
        public int Index => index;

        public int Connections { get; set; } = connections;

        public FairShare Share => share;

        public int Decide() => share.Moves(Connections, 0);
    }
}
