using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;

namespace Tertulia.Messages.Reading;

/// <summary>What a batch of marks has for the nodes, in messages of bounded size.</summary>
/// <param name="from">This replica.</param>
internal sealed class NodeReads(string from)
{
    /// <summary>Bytes of a message at most.</summary>
    public const int MaxBytes = 256 * 1024;

    private readonly Dictionary<string, Part> _byNode = new(StringComparer.Ordinal);
    private readonly List<List<NodeSend>> _rounds = [];

    /// <summary>What is sent together, at most one message for each node, in order.</summary>
    public IReadOnlyList<IReadOnlyCollection<NodeSend>> Rounds => _rounds;

    /// <summary>Answers the command's node.</summary>
    public void Reply(in Submitted submitted, CommandReply reply)
    {
        (reply.CommandId, reply.RoomId) = (submitted.Command.CommandId, submitted.Command.RoomId);
        BatchOf(submitted.NodeId, WireSize.AtMost(reply)).Replies.Add(reply);
    }

    /// <summary>Something for clients of a node.</summary>
    public void Tell(string nodeId, Ephemeral ephemeral) => BatchOf(nodeId, ephemeral.CalculateSize() + 8).Ephemerals.Add(ephemeral);

    private NodeBatch BatchOf(string nodeId, int bytes)
    {
        if (_byNode.TryGetValue(nodeId, out var part) && part.Bytes + bytes <= MaxBytes)
        {
            _byNode[nodeId] = part with { Bytes = part.Bytes + bytes };
            return part.Batch;
        }

        var batch = new NodeBatch { From = from };
        if (part.Round == _rounds.Count)
        {
            _rounds.Add([]);
        }

        _rounds[part.Round].Add(new NodeSend(nodeId, batch));
        _byNode[nodeId] = new Part(batch, bytes, part.Round + 1);
        return batch;
    }

    /// <summary>The message that is being filled for a node.</summary>
    private readonly record struct Part(NodeBatch Batch, int Bytes, int Round);
}
