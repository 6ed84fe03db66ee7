using Tertulia.Contracts;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Flushing;

internal sealed partial class Flush
{
    /// <summary>After the append: what goes out, independent of the flush and of what the rooms become later.</summary>
    /// <param name="epoch">The store's epoch now. It may be newer than the one of the decision, and holds for all that the store has.</param>
    public Outgoing Seal(string epoch)
    {
        Duplicates = 0;
        foreach (var entry in _written)
        {
            Duplicates += entry.IsOld ? 1 : 0;
            // Only now: the log holds events without it.
            SetOrigin(entry.Submitted, entry.Event);
            ReplyUnlessSubscribed(entry, epoch);
        }

        foreach (var (_, reply, _) in Replies)
        {
            Duplicates += reply.Stored is { Duplicate: true } ? 1 : 0;
        }

        var outgoing = new Outgoing(Number)
        {
            Trace = Trace?.Context ?? default, Replies = [.. Replies], Poison = [.. Poison.Select(poison => (Batches[poison.Key], poison.Value))],
        };
        foreach (var room in _touched)
        {
            if (room.Pending is { } events)
            {
                events.Epoch = epoch;
                outgoing.Rooms.Add(new RoomSend(InOrder(events), room.Subscribers, owned.InWindow(room.Partition)));
                room.ToldSeq = Math.Max(room.ToldSeq, room.LastSeq);
            }

            if (!ReferenceEquals(room.Subscribers, room.AnnouncedSubscribers))
            {
                room.AnnouncedSubscribers = room.Subscribers;
                outgoing.Topologies.Add(new TopologySend(TopologyOf(room), room.Subscribers));
            }

            Recycle(room);
            room.EndFlush();
        }

        foreach (var (room, ephemeral) in Told)
        {
            outgoing.Ephemerals.Add(new EphemeralSend(ephemeral, room.Subscribers, owned.InWindow(room.Partition)));
        }

        foreach (var submitted in TopologyRequests)
        {
            outgoing.Topologies.Add(new TopologySend(TopologyOf(submitted.Room), [submitted.NodeId]));
        }

        _touched.Clear();
        return outgoing;
    }

    // The append has answered: nothing reads the list any more.
    private void Recycle(RoomState room)
    {
        if (room.Entries is { } entries)
        {
            entries.Clear();
            _spareLists.Push(entries);
        }
    }

    private static RoomTopology TopologyOf(RoomState room)
    {
        var topology = new RoomTopology { RoomId = room.RoomId };
        topology.NodeIds.AddRange(room.Subscribers);
        return topology;
    }

    private static void SetOrigin(in Submitted submitted, RoomEvent roomEvent)
    {
        roomEvent.OriginNodeId = submitted.NodeId;
        roomEvent.CommandId = submitted.Command.CommandId;
        roomEvent.SubmittedAtMs = submitted.Command.SubmittedAtMs;
        roomEvent.Traceparent = submitted.Command.Traceparent;
    }

    // Only events that were published again can be out of order, or twice: the one that names its command stays.
    private static RoomEvents InOrder(RoomEvents events)
    {
        for (var i = 1; i < events.Events.Count; i++)
        {
            if (events.Events[i].Seq <= events.Events[i - 1].Seq)
            {
                var sorted = new RoomEvents { RoomId = events.RoomId, Epoch = events.Epoch };
                sorted.Events.AddRange(events.Events
                    .OrderBy(roomEvent => roomEvent.Seq).ThenByDescending(roomEvent => roomEvent.OriginNodeId.Length > 0)
                    .DistinctBy(roomEvent => roomEvent.Seq));
                return sorted;
            }
        }

        return events;
    }

    // The event itself tells the origin node, when it gets it.
    private void ReplyUnlessSubscribed(in WrittenEntry entry, string epoch)
    {
        var (submitted, verb, _, roomEvent, _) = entry;
        if (!submitted.Room.IsSubscribed(submitted.NodeId))
        {
            var stored = verb.Describe(submitted.Command, roomEvent);
            stored.Epoch = epoch;
            Reply(submitted, new CommandReply { Stored = stored });
        }
    }
}

/// <summary>An answer and the node it is for.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="Reply">The answer.</param>
/// <param name="Room">The command's room.</param>
internal readonly record struct NodeReply(string NodeId, CommandReply Reply, RoomState Room);
