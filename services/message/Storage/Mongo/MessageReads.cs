using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Messages of a room in their current state.</summary>
internal static class MessageReads
{
    /// <summary>Messages, or the replies of a thread, in the direction of the range; one more than the limit when there is one.</summary>
    public static async Task<List<CurrentMessage>> MessagesAsync(
        MessageCollections collections, string roomId, long rootSeq, HistoryRange range, StoredHead head, PendingEffects pending, ReadLimit limit)
    {
        // What the room keeps no longer is not looked at.
        var filter = range.After
            ? new BsonDocument { { LogField.Room, roomId }, { LogField.Last, new BsonDocument { { "$gt", range.Seq }, { "$gte", head.FirstSeq }, { "$lte", head.LastSeq } } } }
            : RoomReader.InRoom(roomId, new BsonDocument { { "$gt", 0L }, { "$lt", range.Seq }, { "$lte", head.LastSeq } });
        if (!range.After)
        {
            filter.Add(LogField.Last, new BsonDocument("$gte", head.FirstSeq));
        }

        filter.Add(rootSeq > 0 ? new BsonElement(LogField.Roots, rootSeq) : new BsonElement(LogField.OwnMessages, new BsonDocument("$gt", 0)));
        var stored = new List<StoredMessage>();
        using var cursor = await collections.Log.Find(filter).Sort(SortOf(range.After)).Limit(limit.Count + 1).ToCursorAsync(CancellationToken.None);
        while (stored.Count <= limit.Count && await cursor.MoveNextAsync(CancellationToken.None))
        {
            foreach (var document in cursor.Current)
            {
                var entries = LogDocuments.EntriesOf(document).Where(entry => LogDocuments.IsMessage(entry) && IsWanted(entry));
                stored.AddRange((range.After ? entries : entries.Reverse()).Select(entry => new StoredMessage(roomId, entry)));
            }
        }

        if (stored.Count > limit.Count + 1)
        {
            stored.RemoveRange(limit.Count + 1, stored.Count - limit.Count - 1);
        }

        var changes = await ChangesOfAsync(collections, stored, pending);
        return stored.ConvertAll(message => message.Now(changes.GetValueOrDefault(message.Place)));

        bool IsWanted(BsonDocument entry)
        {
            var seq = LogDocuments.SeqOf(entry);
            return seq >= head.FirstSeq && (range.After ? seq > range.Seq : seq < range.Seq) && (rootSeq == 0 || (entry.TryGetValue(LogField.Root, out var root) && root.AsInt64 == rootSeq));
        }
    }

    /// <summary>Messages that were created or changed after a seq, in the order of their last change; one more than the limit when there is one.</summary>
    public static async Task<List<CurrentMessage>> ChangedAsync(
        MessageCollections collections, string roomId, long sinceSeq, StoredHead head, PendingEffects pending, ReadLimit limit)
    {
        var created = await UnchangedAsync(collections, roomId, sinceSeq, head, pending, limit.Count + 1);

        // Those that are pending come later in the order than what is written of them, which then does not count.
        var written = await collections.Changes
            .Find(new BsonDocument
            {
                { ChangeField.Room, roomId }, { ChangeField.Updated, new BsonDocument("$gt", sinceSeq) }, { ChangeField.Created, new BsonDocument("$gte", head.FirstSeq) },
            })
            .Sort(new BsonDocument(ChangeField.Updated, 1)).Limit(limit.Count + 1 + pending.Changes.Count).ToListAsync(CancellationToken.None);
        var later = written.ToDictionary(change => new RoomSeq(roomId, change[ChangeField.Created].AsInt64));
        foreach (var (place, change) in pending.Changes)
        {
            if (PendingEffects.UpdatedOf(change) > sinceSeq && place.Seq >= head.FirstSeq)
            {
                later[place] = pending.ChangeOf(place, later.GetValueOrDefault(place))!;
            }
        }

        return [.. created.Concat(later.Values.Select(CurrentMessage.Of)).OrderBy(message => message.Message.UpdatedSeq).Take(limit.Count + 1)];
    }

    /// <summary>Pinned messages, the newest pin first.</summary>
    public static async Task<List<CurrentMessage>> PinsAsync(
        MessageCollections collections, string roomId, long beforePinnedSeq, long firstSeq, PendingEffects pending, int? limit)
    {
        var written = await collections.Changes
            .Find(new BsonDocument
            {
                { ChangeField.Room, roomId }, { ChangeField.Pinned, new BsonDocument { { "$gt", 0L }, { "$lt", beforePinnedSeq } } },
                { ChangeField.Created, new BsonDocument("$gte", firstSeq) },
            })
            .Sort(new BsonDocument(ChangeField.Pinned, -1)).Limit(limit + pending.Changes.Count).ToListAsync(CancellationToken.None);
        var pins = written.ToDictionary(change => new RoomSeq(roomId, change[ChangeField.Created].AsInt64));
        foreach (var place in pending.Changes.Keys.Where(place => place.RoomId == roomId && place.Seq >= firstSeq))
        {
            pins[place] = pending.ChangeOf(place, pins.GetValueOrDefault(place))!;
        }

        return
        [
            .. pins.Values.Where(change => change.TryGetValue(ChangeField.Pinned, out var seq) && seq.AsInt64 < beforePinnedSeq)
                .OrderByDescending(change => change[ChangeField.Pinned].AsInt64).Take(limit ?? int.MaxValue).Select(CurrentMessage.Of),
        ];
    }

    /// <summary>The state of those messages that were changed.</summary>
    public static async Task<Dictionary<RoomSeq, BsonDocument>> ChangesOfAsync(
        MessageCollections collections, IReadOnlyCollection<StoredMessage> messages, PendingEffects pending)
    {
        var changes = new Dictionary<RoomSeq, BsonDocument>();
        if (messages.Count == 0)
        {
            return changes;
        }

        var ids = new BsonArray(messages.Select(message => Effects.IdOf(message.RoomId, message.Seq)));
        foreach (var change in await collections.Changes.Find(new BsonDocument("_id", new BsonDocument("$in", ids))).ToListAsync(CancellationToken.None))
        {
            changes[new RoomSeq(change[ChangeField.Room].AsString, change[ChangeField.Created].AsInt64)] = change;
        }

        foreach (var place in messages.Select(message => message.Place).Where(pending.Changes.ContainsKey))
        {
            changes[place] = pending.ChangeOf(place, changes.GetValueOrDefault(place))!;
        }

        return changes;
    }

    /// <summary>New messages that were never changed.</summary>
    private static async Task<List<CurrentMessage>> UnchangedAsync(
        MessageCollections collections, string roomId, long sinceSeq, StoredHead head, PendingEffects pending, int limit)
    {
        var unchanged = new List<CurrentMessage>();
        using var cursor = await collections.Log.Find(new BsonDocument
        {
            { LogField.Room, roomId }, { LogField.Last, new BsonDocument { { "$gt", sinceSeq }, { "$gte", head.FirstSeq }, { "$lte", head.LastSeq } } },
            { LogField.OwnMessages, new BsonDocument("$gt", 0) },
        }).Sort(SortOf(isForward: true)).ToCursorAsync(CancellationToken.None);
        while (unchanged.Count < limit && await cursor.MoveNextAsync(CancellationToken.None))
        {
            foreach (var part in cursor.Current.SelectMany(LogDocuments.EntriesOf)
                .Where(entry => LogDocuments.IsMessage(entry) && LogDocuments.SeqOf(entry) > sinceSeq && LogDocuments.SeqOf(entry) >= head.FirstSeq)
                .Select(entry => new StoredMessage(roomId, entry)).Chunk(limit))
            {
                var changes = await ChangesOfAsync(collections, part, pending);
                unchanged.AddRange(part.Where(message => !changes.ContainsKey(message.Place)).Select(message => message.Now(change: null)));
                if (unchanged.Count >= limit)
                {
                    break;
                }
            }
        }

        return unchanged;
    }

    private static BsonDocument SortOf(bool isForward) =>
        isForward ? new BsonDocument(LogField.Last, 1) : new BsonDocument(LogField.First, -1);
}

/// <summary>A message's entry in the log.</summary>
internal readonly record struct StoredMessage(string RoomId, BsonDocument Entry)
{
    public long Seq => LogDocuments.SeqOf(Entry);

    public RoomSeq Place => new(RoomId, Seq);

    /// <summary>As it is after its last change, if there was one.</summary>
    public CurrentMessage Now(BsonDocument? change)
    {
        if (change is not null)
        {
            return CurrentMessage.Of(change);
        }

        var message = StoredMessages.MessageOf(LogDocuments.EventOf(Entry));
        (message.Seq, message.UpdatedSeq) = (Seq, Seq);
        return new CurrentMessage(message, Entry[LogField.Body].AsByteArray.Length);
    }
}

/// <summary>A message and its stored size.</summary>
internal readonly record struct CurrentMessage(Message Message, int Bytes)
{
    /// <summary>Of a message that was changed.</summary>
    public static CurrentMessage Of(BsonDocument change)
    {
        var state = change[ChangeField.State].AsByteArray;
        var message = Message.Parser.ParseFrom(state);
        (message.Seq, message.UpdatedSeq) = (change[ChangeField.Created].AsInt64, change[ChangeField.Updated].AsInt64);
        return new CurrentMessage(message, state.Length);
    }
}

/// <summary>The first of what is read, as much as a limit allows.</summary>
internal sealed class Bounded<T>(ReadLimit limit)
{
    private long _bytes;

    /// <summary>Within the limit.</summary>
    public List<T> Items { get; } = [];

    /// <summary>Something was added that the limit left out: nothing is taken any more.</summary>
    public bool HasMore { get; private set; }

    /// <summary>In the order of the read.</summary>
    public void Add(T item, int bytes)
    {
        _bytes += bytes;
        HasMore = HasMore || Items.Count >= limit.Count || (Items.Count > 0 && _bytes > limit.Bytes);
        if (!HasMore)
        {
            Items.Add(item);
        }
    }
}
