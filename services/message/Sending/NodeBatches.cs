using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Messages.Sending;

/// <summary>Groups what flushes have for the nodes into one message per node, and one for all nodes.</summary>
internal sealed class NodeBatches(string from)
{
    private readonly Dictionary<string, NodeBatch> _byNode = new(StringComparer.Ordinal);

    /// <summary>One message for each node that is concerned.</summary>
    public List<NodeSend> ToNodes { get; } = [];

    /// <summary>For every node; null when there is nothing.</summary>
    public NodeBatch? ToAll { get; private set; }

    /// <summary>Adds a flush. Later flushes are added later, so that a room's events stay in order.</summary>
    public void Add(Outgoing outgoing)
    {
        foreach (var (events, subscribers, toAll) in outgoing.Rooms)
        {
            if (toAll)
            {
                (ToAll ??= new NodeBatch { From = from }).Rooms.Add(events);
                continue;
            }

            foreach (var nodeId in subscribers)
            {
                BatchOf(nodeId).Rooms.Add(events);
            }
        }

        foreach (var (nodeId, reply) in outgoing.Replies)
        {
            BatchOf(nodeId).Replies.Add(reply);
        }

        foreach (var (topology, receivers) in outgoing.Topologies)
        {
            foreach (var nodeId in receivers)
            {
                BatchOf(nodeId).Topologies.Add(topology);
            }
        }
    }

    private NodeBatch BatchOf(string nodeId)
    {
        if (!_byNode.TryGetValue(nodeId, out var batch))
        {
            _byNode[nodeId] = batch = new NodeBatch { From = from };
            ToNodes.Add(new NodeSend(nodeId, batch));
        }

        return batch;
    }
}
