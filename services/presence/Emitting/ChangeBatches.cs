using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Collects what one flush has to tell: one batch per node.</summary>
internal sealed class ChangeBatches(string replicaId)
{
    private readonly Dictionary<string, NodeBatch> _batches = new(StringComparer.Ordinal);

    public IReadOnlyCollection<NodeSend> ToSends() => [.. _batches.Select(batch => new NodeSend(batch.Key, batch.Value))];

    /// <summary>To the nodes that have members in the room. A node whose last member left has nobody to tell.</summary>
    public void AddRoom(RoomEntry room, RoomPresenceChange change)
    {
        foreach (var node in room.Nodes.ToArray())
        {
            Of(node.NodeId).Presence.Add(change); // The same object for all nodes: nobody changes it any more.
        }
    }

    /// <summary>To the nodes where the user is now; the one it left has nothing to share any more.</summary>
    public void AddUser(UserEntry user)
    {
        var nodes = new UserNodes { UserId = user.UserId };
        nodes.NodeIds.AddRange(user.Nodes.ToArray().Select(node => node.NodeId).Order(StringComparer.Ordinal));
        foreach (var nodeId in nodes.NodeIds)
        {
            Of(nodeId).UserNodes.Add(nodes);
        }
    }

    private NodeBatch Of(string nodeId)
    {
        if (!_batches.TryGetValue(nodeId, out var batch))
        {
            _batches[nodeId] = batch = new NodeBatch { From = replicaId };
        }

        return batch;
    }
}
