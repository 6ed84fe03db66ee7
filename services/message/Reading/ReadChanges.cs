using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>What a batch of marks comes to: the last mark of each user and room, and who is told of it.</summary>
internal sealed class ReadChanges
{
    private readonly List<PendingMark> _batch;
    private readonly Dictionary<MemberKey, Change> _changes = [];

    public ReadChanges(List<PendingMark> batch)
    {
        _batch = batch;
        foreach (var pending in batch)
        {
            var reader = pending.Mark.Reader;
            if (!_changes.TryGetValue(reader, out var change))
            {
                _changes[reader] = change = new Change();
            }

            change.Add(pending);
        }

        Marks = [.. _changes.Values.Where(change => change.Mark is not null).Select(change => change.Mark!.Value)];
    }

    /// <summary>To be written.</summary>
    public IReadOnlyCollection<ReadMark> Marks { get; }

    /// <summary>Whose state is to be read for the answers.</summary>
    public IReadOnlyCollection<MemberKey> Readers => _changes.Keys;

    /// <summary>The marks are durable: answers their commands, and tells the other users of small rooms.</summary>
    /// <returns>What the users' devices are told.</returns>
    public List<UserEvent> Tell(NodeReads nodes, Dictionary<MemberKey, ReadState> states, string epoch)
    {
        var unread = new List<UserEvent>();
        foreach (var pending in _batch)
        {
            nodes.Reply(pending.Submitted, states.TryGetValue(pending.Mark.Reader, out var state)
                ? new CommandReply { Marked = MarkedOf(state, epoch) }
                : new CommandReply { Refused = new Refusal { Code = ErrorCode.RoomNotFound } }); // The store went back in time.
        }

        foreach (var (reader, change) in _changes)
        {
            if (change.Mark is null || !states.TryGetValue(reader, out var state))
            {
                continue;
            }

            unread.Add(EventOf(reader, state, epoch));
            if (!change.IsReceipt)
            {
                continue;
            }

            var receipt = new Ephemeral { RoomId = reader.RoomId, UserId = reader.UserId, ReadReceipt = new ReadReceipt { Seq = state.Seq } };
            foreach (var nodeId in change.Subscribers)
            {
                nodes.Tell(nodeId, receipt);
            }
        }

        return unread;
    }

    /// <summary>None of it was written.</summary>
    public void Refuse(NodeReads nodes, ErrorCode code)
    {
        foreach (var pending in _batch)
        {
            nodes.Reply(pending.Submitted, new CommandReply { Refused = new Refusal { Code = code } });
        }
    }

    /// <summary>What a user's devices are told of a mark.</summary>
    public static UserEvent EventOf(in MemberKey reader, in ReadState state, string epoch) =>
        new() { UserId = reader.UserId, Unread = new RoomUnread { RoomId = reader.RoomId, Mark = MarkedOf(state, epoch) } };

    private static Marked MarkedOf(in ReadState state, string epoch) =>
        new() { Epoch = epoch, ReadSeq = state.Seq, Unread = state.Unread, LastSeq = state.LastSeq };

    private sealed class Change
    {
        /// <summary>Null when nothing is to be written.</summary>
        public ReadMark? Mark { get; private set; }

        /// <summary>The user has read on: others may know. A mark that is set back is the user's own business.</summary>
        public bool IsReceipt { get; private set; }

        public string[] Subscribers { get; private set; } = [];

        public void Add(in PendingMark pending)
        {
            Subscribers = pending.Subscribers;
            if (!pending.Moves)
            {
                return;
            }

            Mark = Mark is { } before && !pending.Mark.IsExact
                ? before with { Seq = Math.Max(before.Seq, pending.Mark.Seq), LastSeq = before.IsExact ? before.LastSeq : pending.Mark.LastSeq }
                : pending.Mark;
            IsReceipt = pending.HasReceipts && !pending.Mark.IsExact;
        }
    }
}
