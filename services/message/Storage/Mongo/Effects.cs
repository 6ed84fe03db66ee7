using Google.Protobuf;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>What the entries of one document make of members and of older messages: the last change of each counts.</summary>
/// <remarks>They are a part of the document, and so are appended with it in one step. Then they are written where they are read, each once and never over
/// something newer, and taken out of the document. Until then a reader takes them from there: <see cref="PendingEffects"/>.</remarks>
internal sealed class Effects(string roomId)
{
    private readonly Dictionary<string, BsonDocument> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<long, BsonDocument> _changes = [];
    private readonly Dictionary<long, BsonDocument> _erasures = [];
    private readonly List<BsonDocument> _records = [];
    private bool _changesRetention;
    private BsonDocument? _retention;

    public void Add(in LogEntry entry)
    {
        if (entry.Event.Member is { } member)
        {
            var name = member.Username.Length > 0 ? member.Username
                : _members.TryGetValue(member.UserId, out var before) ? before[MemberField.Name].AsString
                : "";
            _members[member.UserId] = new BsonDocument
            {
                { MemberField.User, member.UserId }, { MemberField.Name, name }, { MemberField.Role, member.Role },
                { MemberField.Banned, member.Banned }, { MemberField.BannedUntil, member.BannedUntilMs }, { MemberField.Muted, member.Muted },
                { MemberField.MutedUntil, member.MutedUntilMs }, { MemberField.InvitedBy, member.InvitedBy }, { MemberField.Seq, entry.Event.Seq },
            };
        }

        if (entry.Change is { } change)
        {
            var document = new BsonDocument
            {
                { ChangeField.Created, change.CreatedSeq }, { ChangeField.Updated, entry.Event.Seq }, { ChangeField.State, change.State.ToByteArray() },
            };
            _changes[change.CreatedSeq] = change.State.PinnedSeq > 0 ? document.Add(ChangeField.Pinned, change.State.PinnedSeq) : document;
        }

        if (entry.Erased is { } erased)
        {
            _erasures[erased.Seq] = new BsonDocument { { LogField.Seq, erased.Seq }, { LogField.Body, erased.ToByteArray() } };
        }

        _changesRetention |= entry.Event.BodyCase is RoomEvent.BodyOneofCase.RoomUpdated or RoomEvent.BodyOneofCase.RoomDeleted or RoomEvent.BodyOneofCase.Trimmed
            || entry.Event.Room?.Settings is { RetentionDays: > 0 };
        if (entry.Event.BodyCase != RoomEvent.BodyOneofCase.Message && ModerationRecords.Of(roomId, entry.Event) is { } record)
        {
            _records.Add(MongoAuditLog.DocumentOf(record));
        }
    }

    /// <summary>Takes texts out of the entries of the document itself.</summary>
    public void EraseOwn(BsonArray entries)
    {
        foreach (var entry in entries.Select(entry => entry.AsBsonDocument))
        {
            if (_erasures.Remove(LogDocuments.SeqOf(entry), out var erased))
            {
                entry[LogField.Body] = erased[LogField.Body];
            }
        }
    }

    /// <summary>What is to be emptied of the room, when the entries are about that.</summary>
    public void Retain(StoredHead head)
    {
        if (_changesRetention)
        {
            _retention = new BsonDocument
            {
                { RetentionField.Days, head.RetentionDays }, { RetentionField.FirstSeq, head.FirstSeq }, { RetentionField.Deleted, head.IsDeleted },
                { RetentionField.Seq, head.LastSeq },
            };
        }
    }

    /// <summary>Null when there are none.</summary>
    public BsonDocument? ToDocument() => (_retention is null ? 0 : 1) + _members.Count + _changes.Count + _erasures.Count + _records.Count == 0 ? null : new BsonDocument
    {
        { LogField.Room, roomId }, { LogField.Members, new BsonArray(_members.Values) }, { LogField.Changes, new BsonArray(_changes.Values) },
        { LogField.Erasures, new BsonArray(_erasures.Values) }, { LogField.Records, new BsonArray(_records) },
        { LogField.Retention, _retention ?? new BsonDocument() },
    };

    /// <summary>Writes the effects of documents, and takes them out of them.</summary>
    /// <param name="collections">Where.</param>
    /// <param name="documents">Of the log.</param>
    public static async Task ApplyAsync(MessageCollections collections, IEnumerable<BsonDocument> documents)
    {
        var pending = documents.Where(document => document.Contains(LogField.Effects)).ToArray();
        if (pending.Length == 0)
        {
            return;
        }

        var effects = Array.ConvertAll(pending, document => document[LogField.Effects].AsBsonDocument);
        await Task.WhenAll(
            WriteMembersAsync(collections, effects), WriteChangesAsync(collections, effects), EraseAsync(collections, effects), RetainAsync(collections, effects),
            collections.Audit.InsertAbsentAsync([.. effects.SelectMany(effect => effect[LogField.Records].AsBsonArray).Select(record => record.AsBsonDocument)]));
        await collections.Log.UpdateManyAsync(
            new BsonDocument("_id", new BsonDocument("$in", new BsonArray(pending.Select(document => document["_id"])))) { { LogField.Effects, Exists(true) } },
            new BsonDocument("$unset", new BsonDocument(LogField.Effects, "")), cancellationToken: CancellationToken.None);
    }

    private static async Task WriteMembersAsync(MessageCollections collections, BsonDocument[] effects)
    {
        var (firsts, others) = (new List<UpdateOneModel<BsonDocument>>(), new List<UpdateOneModel<BsonDocument>[]>());
        foreach (var effect in effects)
        {
            foreach (var member in effect[LogField.Members].AsBsonArray)
            {
                var (first, other) = MemberUpdates(effect[LogField.Room].AsString, member.AsBsonDocument);
                firsts.Add(first);
                others.Add(other);
            }
        }

        await collections.Members.UpsertWhenAsync(firsts, index => others[index]);
    }

    // Who becomes a member, and has no mark, has read what was said before. Who is no member any more has no mark.
    private static (UpdateOneModel<BsonDocument> First, UpdateOneModel<BsonDocument>[] Otherwise) MemberUpdates(string roomId, BsonDocument member)
    {
        var seq = member[MemberField.Seq];
        var state = new BsonDocument(member);
        var insert = new BsonDocument();
        if (member[MemberField.Name].AsString.Length == 0)
        {
            state.Remove(MemberField.Name); // A name that is not known changes none.
            insert.Add(MemberField.Name, "");
        }

        BsonDocument Filter(BsonDocument? mark = null)
        {
            var filter = new BsonDocument
            {
                { "_id", IdOf(roomId, member[MemberField.User].AsString) }, { MemberField.Room, roomId }, { MemberField.Seq, new BsonDocument("$lt", seq) },
            };
            return mark is null ? filter : filter.Add(MemberField.Mark, mark);
        }

        BsonDocument Update(BsonDocument set, BsonDocument? unset = null)
        {
            var update = new BsonDocument("$set", set);
            _ = insert.ElementCount > 0 ? update.Add("$setOnInsert", insert) : update;
            return unset is null ? update : update.Add("$unset", unset);
        }

        if (member[MemberField.Role].AsString.Length == 0)
        {
            var leave = Update(state, new BsonDocument { { MemberField.Mark, "" }, { MemberField.OwnAfter, "" } });
            return (new(Filter(), leave), [new(Filter(), leave)]);
        }

        var enter = Update(new BsonDocument(state) { { MemberField.Mark, seq }, { MemberField.OwnAfter, seq } });
        return (new(Filter(Exists(false)), enter), [new(Filter(Exists(false)), enter), new(Filter(Exists(true)), Update(state))]);
    }

    private static Task WriteChangesAsync(MessageCollections collections, BsonDocument[] effects)
    {
        var updates = new List<UpdateOneModel<BsonDocument>>();
        foreach (var effect in effects)
        {
            foreach (var change in effect[LogField.Changes].AsBsonArray.Select(change => change.AsBsonDocument))
            {
                var update = new BsonDocument("$set", new BsonDocument(change));
                updates.Add(new UpdateOneModel<BsonDocument>(
                    new BsonDocument
                    {
                        { "_id", IdOf(effect[LogField.Room].AsString, change[ChangeField.Created].AsInt64) }, { ChangeField.Room, effect[LogField.Room] },
                        { ChangeField.Updated, new BsonDocument("$lt", change[ChangeField.Updated]) },
                    },
                    change.Contains(ChangeField.Pinned) ? update : update.Add("$unset", new BsonDocument(ChangeField.Pinned, ""))));
            }
        }

        return collections.Changes.UpsertWhenAsync(updates);
    }

    private static Task RetainAsync(MessageCollections collections, BsonDocument[] effects) => collections.Retention.UpsertWhenAsync(
    [
        .. effects.Where(effect => effect[LogField.Retention].AsBsonDocument.ElementCount > 0).Select(effect => new UpdateOneModel<BsonDocument>(
            new BsonDocument
            {
                { "_id", effect[LogField.Room] }, { RetentionField.Seq, new BsonDocument("$lt", effect[LogField.Retention][RetentionField.Seq]) },
            },
            new BsonDocument { { "$set", effect[LogField.Retention] }, { "$setOnInsert", new BsonDocument(RetentionField.ErasedSeq, 1L) } })),
    ]);

    private static async Task EraseAsync(MessageCollections collections, BsonDocument[] effects)
    {
        var updates = effects.SelectMany(effect => effect[LogField.Erasures].AsBsonArray.Select(erased => new UpdateOneModel<BsonDocument>(
            RoomReader.InRoom(effect[LogField.Room].AsString, new BsonDocument { { "$gt", 0L }, { "$lte", erased[LogField.Seq] } })
                .Add(LogField.Last, new BsonDocument("$gte", erased[LogField.Seq])).Add($"{LogField.Entries}.{LogField.Seq}", erased[LogField.Seq]),
            new BsonDocument("$set", new BsonDocument($"{LogField.Entries}.$.{LogField.Body}", erased[LogField.Body]))))).ToArray();
        if (updates.Length > 0)
        {
            await collections.Log.BulkWriteAsync(updates, cancellationToken: CancellationToken.None);
        }
    }

    /// <summary>Of a member's document. Writes also name the room beside it: on a sharded collection they have to.</summary>
    public static BsonDocument IdOf(string roomId, string userId) => new() { { MemberField.Room, roomId }, { MemberField.User, userId } };

    /// <summary>Of a changed message's document.</summary>
    public static BsonDocument IdOf(string roomId, long createdSeq) => new() { { ChangeField.Room, roomId }, { ChangeField.Created, createdSeq } };

    private static BsonDocument Exists(bool exists) => new("$exists", exists);
}
