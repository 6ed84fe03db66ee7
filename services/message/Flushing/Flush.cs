using System.Diagnostics;
using Tertulia.Contracts;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Flushing;

/// <summary>All that waited, decided together and written at once. One object, used again and again by one flush loop.</summary>
/// <remarks>What was decided belongs to a room, and is undone room by room: the rooms whose append succeeded are not decided again.</remarks>
internal sealed partial class Flush(OwnedPartitions owned, RecentKeys recent)
{
    private readonly List<WrittenEntry> _written = [];
    private readonly Dictionary<EntryKey, int> _writtenByKey = [];
    private readonly List<RoomState> _touched = [];
    private readonly Dictionary<string, long> _lastSubscribed = new(StringComparer.Ordinal);
    private readonly Stack<List<LogEntry>> _spareLists = [];

    /// <summary>What the nodes sent.</summary>
    public List<SubmitBatch> Batches { get; } = [];

    /// <summary>Their commands that are still to be decided and written, in the order of the queue.</summary>
    public List<Submitted> Commands { get; } = [];

    /// <summary>Answers to nodes, decided so far.</summary>
    public List<NodeReply> Replies { get; } = [];

    /// <summary>What is told to those who are in a room and not written, decided so far.</summary>
    public List<(RoomState Room, Ephemeral Ephemeral)> Told { get; } = [];

    /// <summary>Batches that go to the dead-letter queue, by index, with the reason.</summary>
    public Dictionary<int, string> Poison { get; } = [];

    /// <summary>Rooms whose topology goes to one node again, because that node may have missed it.</summary>
    public List<Submitted> TopologyRequests { get; } = [];

    /// <summary>What the store already holds of this flush, as far as it was asked.</summary>
    public Dictionary<EntryKey, RoomEvent> Known { get; } = [];

    /// <summary>The latest results of this loop.</summary>
    public RecentKeys Recent => recent;

    /// <summary>Grows by one with every flush.</summary>
    public long Number { get; private set; }

    /// <summary>The store's epoch as far as the loop has followed it.</summary>
    public string Epoch { get; private set; } = "";

    /// <summary>Unix milliseconds of the decision.</summary>
    public long NowMs { get; set; }

    /// <summary>Read marks decided so far, in the order of the queue.</summary>
    public List<PendingMark> Marks { get; } = [];

    /// <summary>Rooms that the users of this flush have created.</summary>
    public RoomCreations Creations { get; } = new();

    /// <summary>A node, or a room that was read again, holds a later seq than the store: nothing may be written before the store has a new epoch.</summary>
    public bool StoreWentBack { get; set; }

    /// <summary>Its span; null when none of its commands is sampled.</summary>
    public Activity? Trace { get; set; }

    /// <summary>Commands whose entry was in the log before. Known when the flush is sealed.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Rooms with entries or events of this flush, or with changed subscribers.</summary>
    public IReadOnlyList<RoomState> Touched => _touched;

    /// <summary>A new flush.</summary>
    /// <param name="epoch">The store's epoch as far as its loop has followed it.</param>
    public void Begin(string epoch)
    {
        ResetDecisions();
        Epoch = epoch;
        Trace = null;
        Number++;
        Batches.Clear();
        Known.Clear();
        Poison.Clear();
    }

    /// <summary>Gives the entry the room's next seq.</summary>
    public void Append(in Submitted submitted, in EntryKey key, RoomEvent roomEvent) => Append(submitted, key, roomEvent, change: null);

    /// <summary>Gives the entry, which answers its command, the room's next seq.</summary>
    public void Append(in Submitted submitted, KeyedVerb verb, in EntryKey key, RoomEvent roomEvent)
    {
        Append(submitted, key, roomEvent);
        Answer(submitted, verb, key, roomEvent);
    }

    /// <summary>Tells the subscribers, and the command's node, of an entry that is in the log already: the writer before us may have died in between.</summary>
    public void Republish(in Submitted submitted, KeyedVerb verb, in EntryKey key, RoomEvent roomEvent)
    {
        Publish(submitted.Room, roomEvent);
        Answer(submitted, verb, key, roomEvent, isOld: true);
    }

    /// <summary>Tells the subscribers of what is in the log under the key, when something is.</summary>
    public void RepublishKnown(in Submitted submitted, in EntryKey key)
    {
        if (Known.TryGetValue(key, out var stored))
        {
            Publish(submitted.Room, stored);
        }
    }

    /// <summary>Tells the subscribers of what another writer has written.</summary>
    public void PublishMissed(RoomState room, RoomEvent stored) => Publish(room, stored);

    /// <summary>The entry that this flush writes, or publishes again, under the key; null when there is none.</summary>
    public RoomEvent? FindWritten(in EntryKey key) => _writtenByKey.TryGetValue(key, out var index) ? _written[index].Event : null;

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

    /// <summary>Answers the command's node.</summary>
    public void Reply(in Submitted submitted, CommandReply reply)
    {
        reply.CommandId = submitted.Command.CommandId;
        reply.RoomId = submitted.Command.RoomId;
        Replies.Add(new NodeReply(submitted.NodeId, reply, submitted.Room));
    }

    /// <summary>Tells something to those who are in the room. It is not written, and comes before or after the entries of this flush.</summary>
    public void Tell(RoomState room, Ephemeral ephemeral) => Told.Add((room, ephemeral));

    /// <summary>Refuses the command.</summary>
    public void Refuse(in Submitted submitted, ErrorCode code) => Refuse(submitted, new Refusal { Code = code });

    /// <summary>Refuses the command, with a detail or a time to wait.</summary>
    public void Refuse(in Submitted submitted, Refusal refusal) => Reply(submitted, new CommandReply { Refused = refusal });

    /// <summary>The answer to a client that sent a command again.</summary>
    public void ReplyDuplicate(in Submitted submitted, Stored stored)
    {
        (stored.Duplicate, stored.Epoch) = (true, Epoch);
        Reply(submitted, new CommandReply { Stored = stored });
    }

    /// <summary>All that was appended is in the log: what a client may send again is remembered.</summary>
    public void Remember()
    {
        foreach (var (submitted, verb, key, roomEvent, _) in _written)
        {
            if (verb.Remembers(submitted.Command))
            {
                recent.Add(key, new StoredEntry(verb.IdOf(roomEvent), roomEvent.Seq, roomEvent.CreatedAtMs));
            }
        }
    }

    /// <summary>Nothing was decided.</summary>
    public void ResetDecisions()
    {
        Commands.Clear();
        Replies.Clear();
        Told.Clear();
        _written.Clear();
        _writtenByKey.Clear();
        TopologyRequests.Clear();
        Marks.Clear();
        StoreWentBack = false;
        foreach (var room in _touched)
        {
            room.EndFlush();
        }

        _touched.Clear();
        ForgetMessages();
        ForgetMainRooms();
        NeededInvitations.Clear();
    }

    /// <summary>The rooms marked <see cref="RoomState.IsUndone"/> were not written: what was decided about them is forgotten. Their commands stay.</summary>
    public void Undo()
    {
        Replies.RemoveAll(reply => reply.Room.IsUndone);
        Told.RemoveAll(told => told.Room.IsUndone);
        TopologyRequests.RemoveAll(submitted => submitted.Room.IsUndone);
        Marks.RemoveAll(mark => mark.Submitted.Room.IsUndone);
        if (_written.RemoveAll(entry => entry.Submitted.Room.IsUndone) > 0)
        {
            _writtenByKey.Clear();
            for (var i = 0; i < _written.Count; i++)
            {
                _writtenByKey[_written[i].Key] = i;
            }
        }

        Commands.RemoveAll(submitted => !submitted.Room.IsUndone);
        for (var i = _touched.Count - 1; i >= 0; i--)
        {
            var room = _touched[i];
            room.Entries = null; // Not used again: an append whose answer never came may still read it.
            if (room.IsUndone)
            {
                room.EndFlush();
                _touched.RemoveAt(i);
            }
        }

        foreach (var submitted in Commands)
        {
            submitted.Room.IsUndone = false;
        }

        ForgetMessages();
    }

    private void Append(in Submitted submitted, in EntryKey key, RoomEvent roomEvent, MessageChange? change, RoomEvent? erased = null)
    {
        var actor = submitted.Command.Actor;
        roomEvent.Seq = ++submitted.Room.LastSeq;
        roomEvent.CreatedAtMs = NowMs;
        roomEvent.UserId = actor.UserId;
        roomEvent.Username = actor.Username;
        submitted.Room.Entries ??= _spareLists.TryPop(out var spare) ? spare : [];
        submitted.Room.Entries.Add(new LogEntry(actor.UserId, key.IdempotencyKey, roomEvent, change, erased));
        Publish(submitted.Room, roomEvent);
    }

    private void Answer(in Submitted submitted, KeyedVerb verb, in EntryKey key, RoomEvent roomEvent, bool isOld = false)
    {
        _writtenByKey[key] = _written.Count;
        _written.Add(new WrittenEntry(submitted, verb, key, roomEvent, isOld));
    }

    private void Publish(RoomState room, RoomEvent roomEvent)
    {
        Touch(room);
        room.Pending ??= new RoomEvents { RoomId = room.RoomId };
        room.Pending.Events.Add(roomEvent);
    }

    /// <summary>An entry that answers its command.</summary>
    /// <param name="Submitted">The command.</param>
    /// <param name="Verb">Its verb.</param>
    /// <param name="Key">The entry's key.</param>
    /// <param name="Event">The entry.</param>
    /// <param name="IsOld">It was in the log before.</param>
    private readonly record struct WrittenEntry(Submitted Submitted, KeyedVerb Verb, EntryKey Key, RoomEvent Event, bool IsOld);
}
