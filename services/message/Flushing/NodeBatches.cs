using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Messages.Flushing;

/// <summary>Groups what flushes have for the nodes into one message per node, and one for all nodes; into several where one would be too large.</summary>
/// <param name="from">This replica.</param>
/// <param name="maxBytes">Bytes of a message at most, unless a single entry is larger: <see cref="LeastBytes"/> to <see cref="MaxBytes"/>.</param>
internal sealed class NodeBatches(string from, int maxBytes = NodeBatches.MaxBytes)
{
    /// <summary>Bytes of a message that every broker takes as it is delivered.</summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>Smaller messages are not made from the start, whatever the broker refused.</summary>
    public const int LeastBytes = 4 * 1024;

    private readonly Dictionary<string, Part> _byNode = new(StringComparer.Ordinal);
    private readonly List<List<NodeSend>> _rounds = [];
    private readonly List<NodeBatch> _toAll = [];
    private Part _lastToAll;

    /// <summary>Adds a flush. Later flushes are added later, so that a room's events stay in order.</summary>
    public void Add(Outgoing outgoing)
    {
        // Before the events: a node that has just subscribed must know from where it has them.
        foreach (var (nodeId, reply, _) in outgoing.Replies)
        {
            if (nodeId.Length == 0)
            {
                continue; // The command was this service's own, which looks into the store.
            }

            BatchOf(nodeId, WireSize.AtMost(reply)).Replies.Add(reply);
        }

        foreach (var (topology, receivers) in outgoing.Topologies)
        {
            var bytes = WireSize.AtMost(topology);
            foreach (var nodeId in receivers)
            {
                BatchOf(nodeId, bytes).Topologies.Add(topology);
            }
        }

        foreach (var room in outgoing.Rooms)
        {
            Add(room);
        }

        foreach (var (ephemeral, subscribers, toAll) in outgoing.Ephemerals)
        {
            Add(ephemeral, subscribers, toAll);
        }
    }

    /// <summary>What is sent together, in the order in which it is sent. All to single nodes comes before the events to all nodes.</summary>
    public IEnumerable<SendStep> Steps()
    {
        for (var i = 0; i < _rounds.Count; i++)
        {
            yield return new SendStep(_rounds[i], i == _rounds.Count - 1 ? _toAll.FirstOrDefault() : null);
        }

        for (var i = _rounds.Count > 0 ? 1 : 0; i < _toAll.Count; i++)
        {
            yield return new SendStep([], _toAll[i]);
        }
    }

    private void Add(Ephemeral ephemeral, string[] subscribers, bool toAll)
    {
        var bytes = WireSize.AtMost(ephemeral);
        if (toAll)
        {
            ToAll(bytes).Ephemerals.Add(ephemeral);
            return;
        }

        foreach (var nodeId in subscribers)
        {
            BatchOf(nodeId, bytes).Ephemerals.Add(ephemeral);
        }
    }

    private void Add(in RoomSend room)
    {
        var bytes = WireSize.AtMost(room.Events);
        if (bytes <= maxBytes)
        {
            Add(room, room.Events, bytes);
            return;
        }

        var piece = new RoomEvents { RoomId = room.Events.RoomId, Epoch = room.Events.Epoch };
        var filled = WireSize.AtMost(piece);
        foreach (var roomEvent in room.Events.Events)
        {
            var size = WireSize.AtMost(roomEvent);
            if (piece.Events.Count > 0 && filled + size > maxBytes)
            {
                Add(room, piece, filled);
                piece = new RoomEvents { RoomId = piece.RoomId, Epoch = piece.Epoch };
                filled = WireSize.AtMost(piece);
            }

            piece.Events.Add(roomEvent);
            filled += size;
        }

        Add(room, piece, filled);
    }

    private void Add(in RoomSend room, RoomEvents events, int bytes)
    {
        if (room.ToAll)
        {
            ToAll(bytes).Rooms.Add(events);
            return;
        }

        foreach (var nodeId in room.Subscribers)
        {
            BatchOf(nodeId, bytes).Rooms.Add(events);
        }
    }

    private NodeBatch BatchOf(string nodeId, int bytes)
    {
        if (_byNode.TryGetValue(nodeId, out var part) && part.Bytes + bytes <= maxBytes)
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

    private NodeBatch ToAll(int bytes)
    {
        if (_toAll.Count > 0 && _lastToAll.Bytes + bytes <= maxBytes)
        {
            _lastToAll = _lastToAll with { Bytes = _lastToAll.Bytes + bytes };
            return _lastToAll.Batch;
        }

        _lastToAll = new Part(new NodeBatch { From = from }, bytes, Round: 0);
        _toAll.Add(_lastToAll.Batch);
        return _lastToAll.Batch;
    }

    /// <summary>The message that is being filled for a node.</summary>
    /// <param name="Batch">The message.</param>
    /// <param name="Bytes">Bytes in it.</param>
    /// <param name="Round">Messages for this node so far: the round of the next one.</param>
    private readonly record struct Part(NodeBatch Batch, int Bytes, int Round);
}
