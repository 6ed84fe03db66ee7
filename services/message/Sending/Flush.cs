using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>All that waited, decided together and written at once. One object, used again and again by the flush loop.</summary>
internal sealed class Flush(string epoch, OwnedPartitions owned)
{
    private readonly List<(Submitted Submitted, RoomEvent Event)> _messages = [];
    private readonly Dictionary<EntryKey, RoomEvent> _sent = [];
    private readonly List<RoomState> _touched = [];
    private readonly Dictionary<RoomState, List<LogEntry>> _entries = [];
    private readonly Dictionary<string, long> _lastSubscribed = new(StringComparer.Ordinal);

    /// <summary>What the nodes sent.</summary>
    public List<SubmitBatch> Batches { get; } = [];

    /// <summary>Their commands that are this replica's to decide, in the order of the queue.</summary>
    public List<Submitted> Commands { get; } = [];

    /// <summary>What is to be appended, decided so far: of each room its entries.</summary>
    public List<RoomAppend> Appends { get; } = [];

    /// <summary>Partitions that this replica turned out not to own: their commands are left to the owner.</summary>
    public HashSet<int> Lost { get; } = [];

    /// <summary>Answers to nodes, decided so far.</summary>
    public List<NodeReply> Replies { get; } = [];

    /// <summary>Batches that go to the dead-letter queue, by index, with the reason.</summary>
    public Dictionary<int, string> Poison { get; } = [];

    /// <summary>Rooms whose topology goes to one node again, because that node may have missed it.</summary>
    public List<Submitted> TopologyRequests { get; } = [];

    /// <summary>What the store already holds of this flush, as far as it was asked.</summary>
    public Dictionary<EntryKey, RoomEvent> Known { get; } = [];

    /// <summary>Grows by one with every flush.</summary>
    public long Number { get; private set; }

    /// <summary>Unix milliseconds of the decision.</summary>
    public long NowMs { get; set; }

    /// <summary>The messages decided so far, by key.</summary>
    public Dictionary<EntryKey, RoomEvent> Sent => _sent;

    /// <summary>Gives the entry the room's next seq.</summary>
    public void Append(in Submitted submitted, string key, RoomEvent roomEvent)
    {
        var actor = submitted.Command.Actor;
        roomEvent.Seq = ++submitted.Room.LastSeq;
        roomEvent.CreatedAtMs = NowMs;
        roomEvent.UserId = actor.UserId;
        roomEvent.Username = actor.Username;
        EntriesOf(submitted).Add(new LogEntry(actor.UserId, key, roomEvent));
        Publish(submitted, roomEvent);
    }

    /// <summary>Tells the subscribers of an event that is in the log already: the writer before us may have died in between.</summary>
    public void Republish(in Submitted submitted, RoomEvent roomEvent) => Publish(submitted, roomEvent);

    /// <summary>The node receives the room's events from now on.</summary>
    /// <returns>False when it did so before.</returns>
    public bool Subscribe(in Submitted submitted)
    {
        _lastSubscribed[submitted.NodeId] = Number;
        Touch(submitted.Room);
        return submitted.Room.Subscribe(submitted.NodeId);
    }

    /// <summary>A node's queue did not exist when a flush was published.</summary>
    /// <returns>False when the node has subscribed since: it has a queue again, and holds what it asked for.</returns>
    public bool IsGone(in GoneNode gone)
    {
        if (_lastSubscribed.TryGetValue(gone.NodeId, out var subscribedIn) && subscribedIn > gone.FlushNumber)
        {
            return false;
        }

        _lastSubscribed.Remove(gone.NodeId);
        return true;
    }

    /// <summary>The room's subscribers may have changed.</summary>
    public void Touch(RoomState room)
    {
        if (!room.IsTouched)
        {
            room.IsTouched = true;
            _touched.Add(room);
        }
    }

    public void Reply(in Submitted submitted, CommandReply reply)
    {
        reply.CommandId = submitted.Command.CommandId;
        reply.RoomId = submitted.Command.RoomId;
        Replies.Add(new NodeReply(submitted.NodeId, reply));
    }

    public void Refuse(in Submitted submitted, ErrorCode code) => Reply(submitted, new CommandReply { Refused = new Refusal { Code = code } });

    /// <summary>The answer to a client that sent a message again.</summary>
    public void ReplyDuplicate(in Submitted submitted, in StoredMessage stored) => Reply(submitted, new CommandReply
    {
        Stored = new Stored
        {
            MessageId = stored.MessageId, ClientMsgId = submitted.Command.Send.ClientMsgId, Seq = stored.Seq, CreatedAtMs = stored.CreatedAtMs, Duplicate = true,
        },
    });

    /// <summary>Before the commands are decided, also again after a conflict.</summary>
    public void ResetDecisions(long nowMs)
    {
        NowMs = nowMs;
        Appends.Clear();
        _entries.Clear();
        Replies.Clear();
        _messages.Clear();
        _sent.Clear();
        Poison.Clear();
        TopologyRequests.Clear();
        Untouch();
    }

    /// <summary>Before the next flush.</summary>
    public void Reset()
    {
        ResetDecisions(0);
        Number++;
        Batches.Clear();
        Commands.Clear();
        Known.Clear();
        Lost.Clear();
    }

    /// <summary>After the append: what goes out, independent of the flush and of what the rooms become later.</summary>
    public Outgoing Seal()
    {
        foreach (var (submitted, roomEvent) in _messages)
        {
            // Only now: the log holds events without it.
            SetOrigin(submitted, roomEvent);
            ReplyUnlessSubscribed(submitted, roomEvent);
        }

        var outgoing = new Outgoing(Number) { Replies = [.. Replies], Poison = [.. Poison.Select(poison => (Batches[poison.Key], poison.Value))] };
        foreach (var room in _touched)
        {
            if (room.Pending is { } events)
            {
                outgoing.Rooms.Add(new RoomSend(InOrder(events), room.Subscribers, owned.InWindow(room.Partition)));
            }

            if (!ReferenceEquals(room.Subscribers, room.AnnouncedSubscribers))
            {
                room.AnnouncedSubscribers = room.Subscribers;
                outgoing.Topologies.Add(new TopologySend(TopologyOf(room), room.Subscribers));
            }
        }

        foreach (var submitted in TopologyRequests)
        {
            outgoing.Topologies.Add(new TopologySend(TopologyOf(submitted.Room), [submitted.NodeId]));
        }

        Untouch();
        return outgoing;
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

    // Only events that were published again can be out of order.
    private static RoomEvents InOrder(RoomEvents events)
    {
        for (var i = 1; i < events.Events.Count; i++)
        {
            if (events.Events[i].Seq < events.Events[i - 1].Seq)
            {
                var sorted = new RoomEvents { RoomId = events.RoomId, Epoch = events.Epoch };
                sorted.Events.AddRange(events.Events.OrderBy(roomEvent => roomEvent.Seq));
                return sorted;
            }
        }

        return events;
    }

    // The event itself tells the origin node, when it gets it.
    private void ReplyUnlessSubscribed(in Submitted submitted, RoomEvent roomEvent)
    {
        if (!submitted.Room.IsSubscribed(submitted.NodeId))
        {
            var message = roomEvent.Message;
            Reply(submitted, new CommandReply
            {
                Stored = new Stored
                {
                    MessageId = message.MessageId, ClientMsgId = message.ClientMsgId, Seq = roomEvent.Seq, CreatedAtMs = roomEvent.CreatedAtMs,
                },
            });
        }
    }

    private List<LogEntry> EntriesOf(in Submitted submitted)
    {
        var room = submitted.Room;
        if (!_entries.TryGetValue(room, out var entries))
        {
            _entries.Add(room, entries = []);
            Appends.Add(new RoomAppend(room.Partition, room.RoomId, submitted.OwnerEpoch, entries));
        }

        return entries;
    }

    private void Publish(in Submitted submitted, RoomEvent roomEvent)
    {
        var room = submitted.Room;
        Touch(room);
        room.Pending ??= new RoomEvents { RoomId = room.RoomId, Epoch = epoch };
        room.Pending.Events.Add(roomEvent);
        if (roomEvent.BodyCase == RoomEvent.BodyOneofCase.Message)
        {
            _messages.Add((submitted, roomEvent));
        }
    }

    private void Untouch()
    {
        foreach (var room in _touched)
        {
            room.IsTouched = false;
            room.Pending = null;
        }

        _touched.Clear();
    }
}

/// <summary>An answer and the node it is for.</summary>
internal readonly record struct NodeReply(string NodeId, CommandReply Reply);
