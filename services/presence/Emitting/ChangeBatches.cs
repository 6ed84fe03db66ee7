using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Collects what one flush has to tell: one batch per node.</summary>
/// <param name="replicaId">This replica.</param>
/// <param name="maxBytes">Bytes of one batch at most: what does not fit goes into the node's next one.</param>
internal sealed class ChangeBatches(string replicaId, int maxBytes)
{
    private readonly Dictionary<string, (NodeBatch Batch, int Bytes)> _batches = new(StringComparer.Ordinal);
    private readonly List<NodeSend> _full = [];

    /// <summary>The batches; those of one node in the order of what they tell.</summary>
    public IReadOnlyCollection<NodeSend> ToSends() => [.. _full, .. _batches.Select(batch => new NodeSend(batch.Key, batch.Value.Batch))];

    /// <summary>To the nodes that have members in the room. A node whose last member left is not told.</summary>
    public void AddRoom(RoomEntry room, RoomPresenceChange change)
    {
        var bytes = change.CalculateSize();
        foreach (var node in room.Nodes.ToArray())
        {
            Of(node.NodeId, bytes).Presence.Add(change); // The same object for all nodes: it never changes again.
        }
    }

    /// <summary>To the nodes where the user is now; the one it left has nothing to share any more.</summary>
    public void AddUser(UserEntry user)
    {
        var nodes = new UserNodes { UserId = user.UserId };
        nodes.NodeIds.AddRange(user.Nodes.ToArray().Select(node => node.NodeId).Order(StringComparer.Ordinal));
        var bytes = nodes.CalculateSize();
        foreach (var nodeId in nodes.NodeIds)
        {
            Of(nodeId, bytes).UserNodes.Add(nodes);
        }
    }

    /// <summary>To the nodes where the user is now: what it has chosen, for its devices.</summary>
    public void AddChosen(UserEntry user, ChosenStatus chosen)
    {
        var bytes = chosen.CalculateSize();
        foreach (var node in user.Nodes.ToArray())
        {
            Of(node.NodeId, bytes).Chosen.Add(chosen);
        }
    }

    /// <summary>To the nodes where the user is watched.</summary>
    public void AddWatched(IReadOnlyList<NodeEntry> nodes, PresentUser user)
    {
        var bytes = user.CalculateSize();
        foreach (var node in nodes)
        {
            Of(node.NodeId, bytes).Watched.Add(user);
        }
    }

    private NodeBatch Of(string nodeId, int bytes)
    {
        const int Framing = 8; // Tag and length of an element.
        if (!_batches.TryGetValue(nodeId, out var open))
        {
            open = (new NodeBatch { From = replicaId }, 0);
        }
        else if (open.Bytes + bytes + Framing > maxBytes)
        {
            _full.Add(new NodeSend(nodeId, open.Batch));
            open = (new NodeBatch { From = replicaId }, 0);
        }

        _batches[nodeId] = (open.Batch, open.Bytes + bytes + Framing);
        return open.Batch;
    }
}
