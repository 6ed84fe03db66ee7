using System.Diagnostics;
using Tertulia.Contracts;

namespace Tertulia.Messages.Flushing;

/// <summary>What one flush has for the nodes. Not changed any more.</summary>
/// <param name="number">Number of the flush.</param>
internal sealed class Outgoing(long number)
{
    /// <summary>Number of the flush.</summary>
    public long Number { get; } = number;

    /// <summary>The span of the flush; default when it has none.</summary>
    public ActivityContext Trace { get; init; }

    public List<RoomSend> Rooms { get; } = [];

    public List<TopologySend> Topologies { get; } = [];

    public List<EphemeralSend> Ephemerals { get; } = [];

    public NodeReply[] Replies { get; init; } = [];

    /// <summary>Batches that go to the dead-letter queue, with the reason.</summary>
    public (SubmitBatch Batch, string Reason)[] Poison { get; init; } = [];

    /// <summary>Completed when this and all before it is published; null when no caller waits for that.</summary>
    public TaskCompletionSource? Settled { get; init; }

    public bool IsEmpty => Rooms.Count == 0 && Topologies.Count == 0 && Ephemerals.Count == 0 && Replies.Length == 0 && Poison.Length == 0 && Settled is null;
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

/// <summary>What is told to those who are in a room and not written.</summary>
/// <param name="Ephemeral">What.</param>
/// <param name="Subscribers">Ids of the nodes that hold the room.</param>
/// <param name="ToAll">As of <see cref="RoomSend"/>.</param>
internal readonly record struct EphemeralSend(Ephemeral Ephemeral, string[] Subscribers, bool ToAll);
