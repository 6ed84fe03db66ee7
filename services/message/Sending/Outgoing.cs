using Tertulia.Contracts;
using Tertulia.Messages.Partitions;

namespace Tertulia.Messages.Sending;

/// <summary>What one flush has for the nodes and the queue. Not changed any more.</summary>
internal sealed class Outgoing(long number, NodeReply[] replies, LaneItem[] deliveries, Dictionary<int, string> poison)
{
    /// <summary>Number of the flush.</summary>
    public long Number { get; } = number;

    public List<RoomSend> Rooms { get; } = [];

    public List<TopologySend> Topologies { get; } = [];

    public NodeReply[] Replies { get; } = replies;

    /// <summary>To be acknowledged when everything above is confirmed.</summary>
    public LaneItem[] Deliveries { get; } = deliveries;

    /// <summary>Deliveries that are moved to the dead-letter queue instead, by index, with the reason.</summary>
    public Dictionary<int, string> Poison { get; } = poison;

    /// <summary>Lanes that have nothing any more after this.</summary>
    public List<PartitionLane> Ended { get; } = [];

    /// <summary>There is nothing to acknowledge any more: the broker delivers all of it again.</summary>
    public bool IsAbandoned => Array.TrueForAll(Deliveries, item => item.Lane.IsLost);
}

/// <summary>A node whose queue did not exist.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="FlushNumber">The latest flush that was published then.</param>
internal readonly record struct GoneNode(string NodeId, long FlushNumber);

/// <summary>A room's events and who receives them.</summary>
/// <param name="Events">In the order of seq.</param>
/// <param name="Subscribers">Ids of the nodes that hold the room.</param>
/// <param name="ToAll">The partition was just taken over, so that not all subscribers are known: to all nodes.</param>
internal readonly record struct RoomSend(RoomEvents Events, string[] Subscribers, bool ToAll);

/// <summary>The nodes that hold a room, for these nodes.</summary>
internal readonly record struct TopologySend(RoomTopology Topology, string[] Receivers);
