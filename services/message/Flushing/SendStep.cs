using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Messages.Flushing;

/// <summary>Messages that are sent together.</summary>
/// <param name="ToNodes">At most one for each node.</param>
/// <param name="ToAll">For every node; null when there is none.</param>
internal readonly record struct SendStep(IReadOnlyList<NodeSend> ToNodes, NodeBatch? ToAll)
{
    /// <summary>Bytes of all its messages.</summary>
    public int Bytes => ToNodes.Sum(send => send.Batch.CalculateSize()) + (ToAll?.CalculateSize() ?? 0);

    /// <summary>Each message alone.</summary>
    public IEnumerable<SendStep> Singles()
    {
        foreach (var send in ToNodes)
        {
            yield return new SendStep([send], ToAll: null);
        }

        if (ToAll is not null)
        {
            yield return new SendStep([], ToAll);
        }
    }

    /// <summary>One message as two, in its order: answers, events, holders of rooms. Fewer than two when it is a single element.</summary>
    public IReadOnlyList<SendStep> Halves()
    {
        if (ToNodes is [var send])
        {
            return [.. HalvesOf(send.Batch).Select(half => new SendStep([send with { Batch = half }], ToAll: null))];
        }

        return ToNodes.Count == 0 && ToAll is not null ? [.. HalvesOf(ToAll).Select(half => new SendStep([], half))] : [];
    }

    /// <summary>What is in one message, for a log line: never what users wrote.</summary>
    public string Content => (ToAll ?? ToNodes[0].Batch) switch
    {
        { Rooms: [{ Events: [var only] } room], Replies: [], Topologies: [] } => $"{only.BodyCase} {only.Seq} of room {room.RoomId}",
        { Rooms: [], Replies: [var reply], Topologies: [] } => $"{reply.OutcomeCase} for room {reply.RoomId}",
        { Rooms: [], Replies: [], Topologies: [var topology] } => $"the nodes of room {topology.RoomId}",
        var batch => $"{batch.Replies.Count} answers, entries of {batch.Rooms.Count} rooms, nodes of {batch.Topologies.Count} rooms",
    };

    // By count, not by bytes: half of the elements again and again leaves one after a few steps, whatever their sizes are.
    private static IReadOnlyList<NodeBatch> HalvesOf(NodeBatch batch)
    {
        var elements = batch.Replies.Count + batch.Topologies.Count + batch.Ephemerals.Count + batch.Rooms.Sum(room => room.Events.Count);
        if (elements < 2)
        {
            return [];
        }

        NodeBatch first = new() { From = batch.From }, second = new() { From = batch.From };
        var left = elements / 2; // For the first one.
        foreach (var reply in batch.Replies)
        {
            (left-- > 0 ? first : second).Replies.Add(reply);
        }

        foreach (var room in batch.Rooms)
        {
            var inFirst = Math.Clamp(left, 0, room.Events.Count);
            left -= room.Events.Count;
            AddPart(first, room, 0, inFirst);
            AddPart(second, room, inFirst, room.Events.Count);
        }

        foreach (var topology in batch.Topologies)
        {
            (left-- > 0 ? first : second).Topologies.Add(topology);
        }

        foreach (var ephemeral in batch.Ephemerals)
        {
            (left-- > 0 ? first : second).Ephemerals.Add(ephemeral);
        }

        return [first, second];
    }

    private static void AddPart(NodeBatch batch, RoomEvents room, int from, int to)
    {
        if (from < to)
        {
            var part = new RoomEvents { RoomId = room.RoomId, Epoch = room.Epoch };
            part.Events.AddRange(room.Events.Take(from..to));
            batch.Rooms.Add(part);
        }
    }
}
