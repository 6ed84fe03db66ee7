using Tertulia.Contracts;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Tests.Rooms;

public sealed class RoomCacheTests
{
    private const int Partitions = 4;
    private readonly RoomCache _cache = new(Partitions, maxRooms: 2, maxMembers: 3);

    [Fact]
    public void A_room_is_found_again()
    {
        Assert.Same(Find("lobby"), Find("lobby"));
        Assert.NotSame(Find("lobby"), Find("kitchen"));
    }

    [Fact]
    public void A_dropped_partition_is_forgotten_with_its_subscribers()
    {
        Find("lobby").Subscribe("node-1");

        _cache.Drop(Partitioner.PartitionOf("lobby", Partitions));

        Assert.Empty(Find("lobby").Subscribers);
    }

    [Fact]
    public void A_node_that_is_gone_is_subscribed_nowhere()
    {
        Find("lobby").Subscribe("node-1");
        Find("lobby").Subscribe("node-2");
        Find("other").Subscribe("node-2");
        List<RoomState> changed = [];

        _cache.RemoveNode("node-1", changed);

        Assert.Same(Find("lobby"), Assert.Single(changed));
        Assert.Equal(["node-2"], Find("lobby").Subscribers);
    }

    [Fact]
    public void Above_the_limit_rooms_without_subscribers_are_forgotten()
    {
        var lobby = Find("lobby");
        lobby.Subscribe("node-1");
        var (a, b) = (Find("a"), Find("b"));

        _cache.Trim();

        Assert.Same(lobby, Find("lobby"));
        Assert.NotSame(a, Find("a"));
        Assert.NotSame(b, Find("b"));
    }

    [Fact]
    public void Above_the_limit_memberships_are_read_again()
    {
        var lobby = Find("lobby");
        MemberState[] members = [.. Enumerable.Range(0, 4).Select(i => lobby.MemberOf($"user-{i}"))];
        Array.ForEach(members, member => member.IsLoaded = true);

        _cache.Trim();

        Assert.Equal(0, lobby.CachedMembers);
        Assert.All(members, member => Assert.False(member.IsLoaded));
    }

    private RoomState Find(string roomId) => _cache.Find(Partitioner.PartitionOf(roomId, Partitions), roomId)!;
}
