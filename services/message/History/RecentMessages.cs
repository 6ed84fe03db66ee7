using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>The newest messages of a room as the store had them at one moment. Never changed: what comes later is another one.</summary>
internal sealed class RecentMessages
{
    /// <summary>Messages of a room at most.</summary>
    public const int MaxCount = 128;

    /// <summary>Bytes of them at most, as they are sent: less than any read may return, so that what is taken from memory never has to be cut.</summary>
    public const int MaxBytes = 512 * 1024;

    private const int Overhead = 400; // Of an object with its strings.

    private readonly RoomHead _head;
    private readonly Message[] _messages; // By seq.
    private readonly long _allAfter; // Every message that was written after this seq is here.
    private readonly long _changesAfter; // Every message that was written or changed after this seq is here.
    private readonly bool? _hasOlder; // Whether there are messages up to _allAfter; null: not known.

    private RecentMessages(
        string epoch, in RoomHead head, long sinceTimestamp, Message[] newest, long allAfter, long changesAfter, bool? hasOlder, int bytes)
    {
        (Epoch, _head, SinceTimestamp) = (epoch, head, sinceTimestamp);
        (_messages, _allAfter, _changesAfter, _hasOlder) = (newest, allAfter, changesAfter, hasOlder);
        Bytes = bytes;
    }

    /// <summary>Under which its seqs are valid.</summary>
    public string Epoch { get; }

    /// <summary>Of the room, at that moment.</summary>
    public long LastSeq => _head.LastSeq;

    /// <summary>Messages from before it are kept no longer.</summary>
    public long FirstSeq => _head.FirstSeq;

    /// <summary>When the oldest of what it knows was read.</summary>
    public long SinceTimestamp { get; }

    /// <summary>Memory, about.</summary>
    public int Bytes { get; }

    /// <summary>A page of the newest messages that was read.</summary>
    /// <returns>Null when it is too large to be kept.</returns>
    public static RecentMessages? OfPage(RoomView page, long timestamp)
    {
        var allAfter = page is { HasMore: true, Messages: [var first, ..] } ? first.Seq - 1 : 0;
        return Of(page, timestamp, page.Messages, allAfter, changesAfter: page.HasMore ? page.Head.LastSeq : 0, page.HasMore);
    }

    /// <summary>All that changed after a seq.</summary>
    /// <returns>Null when it is too large to be kept, or not all.</returns>
    public static RecentMessages? OfChanges(RoomView changes, long sinceSeq, long timestamp) =>
        changes.HasMore ? null : Of(changes, timestamp, changes.Messages.OrderBy(message => message.Seq), sinceSeq, sinceSeq, sinceSeq == 0 ? false : null);

    /// <summary>Whether the store is still as it was: every change of a room's messages takes a seq.</summary>
    public bool IsOf(string epoch, in RoomHead head) => epoch == Epoch && head.LastSeq == LastSeq && head.Messages == _head.Messages;

    /// <summary>The newest messages, in ascending order.</summary>
    /// <returns>False when they are not all here.</returns>
    public bool TryTakePage(int count, out List<Message> page, out bool hasMore)
    {
        var first = Array.FindIndex(_messages, message => message.Seq > _allAfter);
        var known = first < 0 ? 0 : _messages.Length - first;
        hasMore = known > count || _hasOlder is not false;
        page = [];
        if (known < count ? _hasOlder is not false : known == count && _hasOlder is null)
        {
            return false;
        }

        page.AddRange(_messages.AsSpan(_messages.Length - Math.Min(known, count)));
        return true;
    }

    /// <summary>The messages that were written or changed after a seq, in the order of their last change.</summary>
    /// <returns>False when they are not all here.</returns>
    public bool TryTakeChanges(long sinceSeq, out List<Message> changes)
    {
        changes = [];
        if (sinceSeq < _changesAfter)
        {
            return false;
        }

        foreach (var message in _messages)
        {
            if (message.UpdatedSeq > sinceSeq)
            {
                changes.Add(message);
            }
        }

        changes.Sort(static (one, other) => one.UpdatedSeq.CompareTo(other.UpdatedSeq));
        return true;
    }

    /// <summary>With all that changed since.</summary>
    /// <returns>Null when the changes are not all that followed, or the result is too large to be kept.</returns>
    public RecentMessages? With(RoomView changes)
    {
        if (changes.HasMore || changes.Epoch != Epoch || changes.Head.LastSeq < LastSeq)
        {
            return null;
        }

        var bySeq = new SortedDictionary<long, Message>();
        foreach (var message in _messages)
        {
            bySeq[message.Seq] = message;
        }

        foreach (var message in changes.Messages)
        {
            bySeq[message.Seq] = message;
        }

        return Of(changes, SinceTimestamp, bySeq.Values, _allAfter, _changesAfter, _hasOlder);
    }

    /// <summary>What both know, when they are of the same moment; else the later one.</summary>
    public RecentMessages And(RecentMessages later)
    {
        if (Epoch != later.Epoch || LastSeq != later.LastSeq)
        {
            return later;
        }

        var bySeq = new SortedDictionary<long, Message>();
        foreach (var message in _messages)
        {
            bySeq[message.Seq] = message;
        }

        foreach (var message in later._messages)
        {
            bySeq[message.Seq] = message;
        }

        var (allAfter, hasOlder) = _allAfter < later._allAfter || (_allAfter == later._allAfter && later._hasOlder is null)
            ? (_allAfter, _hasOlder) : (later._allAfter, later._hasOlder);
        return Of(
            Epoch, later._head, Math.Min(SinceTimestamp, later.SinceTimestamp), bySeq.Values, allAfter, Math.Min(_changesAfter, later._changesAfter), hasOlder)
            ?? later;
    }

    private static RecentMessages? Of(
        RoomView view, long timestamp, IEnumerable<Message> messages, long allAfter, long changesAfter, bool? hasOlder) =>
        Of(view.Epoch, view.Head, timestamp, messages, allAfter, changesAfter, hasOlder);

    // The oldest are left out above the number. A message that is left out is known no more, nor is what changed it.
    private static RecentMessages? Of(
        string epoch, RoomHead head, long timestamp, IEnumerable<Message> messages, long allAfter, long changesAfter, bool? hasOlder)
    {
        Message[] newest = [.. messages.Where(message => message.Seq >= head.FirstSeq)];
        if (allAfter < head.FirstSeq)
        {
            (allAfter, hasOlder) = (0, false); // All that is kept.
        }
        else if (head.FirstSeq > 1)
        {
            hasOlder = null; // What was older may be gone since.
        }

        var surplus = Math.Max(0, newest.Length - MaxCount);
        foreach (var left in newest.AsSpan(0, surplus))
        {
            if (left.Seq > allAfter)
            {
                (allAfter, hasOlder) = (left.Seq, true);
            }

            changesAfter = Math.Max(changesAfter, left.UpdatedSeq);
        }

        var (bytes, memory) = (0, Overhead);
        foreach (var message in newest.AsSpan(surplus))
        {
            var size = message.CalculateSize();
            (bytes, memory) = (bytes + size, memory + Overhead + (2 * size));
            if (bytes > MaxBytes)
            {
                return null;
            }
        }

        return new RecentMessages(epoch, head, timestamp, newest[surplus..], allAfter, changesAfter, hasOlder, memory);
    }
}
