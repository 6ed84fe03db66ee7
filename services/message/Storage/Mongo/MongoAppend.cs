using System.Collections.Concurrent;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Owners of partitions, and what they append: one document for each room of a flush, and no transaction.</summary>
/// <remarks>
/// <para>A flush is noted in its partition's document (one update that only the owner's epoch passes), then its rooms are inserted, then the note is taken away.
/// Each room's document is atomic by itself and has the room's entries, its members' and messages' new state, and its place in the feed.</para>
/// <para>A new owner finds the notes of flushes that are half written. For each room of such a flush it inserts an empty document under the id that the room's
/// document has: either that one came first, then the room's entries are there and stay; or it can never come. So nothing of an older owner is
/// appended after the take, however long its inserts are on the way, and followers, who read up to the first note, pass no hole that fills later.</para>
/// </remarks>
internal sealed class MongoAppend(MessageCollections collections)
{
    private const string OwnerField = "o";
    private const string FlushField = "f";
    private const string OpenField = "open"; // The notes by id of the flush.
    private const string AfterField = "a"; // Of a note: its flush has a larger number than this.
    private const string RoomsField = "rooms";
    private const long NoOwner = -1;
    private const int RoomsInQuery = 100;

    private static readonly FindOneAndUpdateOptions<BsonDocument> ReturnAfter = new() { ReturnDocument = ReturnDocument.After };

    /// <summary>The last flush that this process knows of, by partition and owner epoch: every later one has a larger number.</summary>
    private readonly ConcurrentDictionary<(int Partition, long Owner), long> _flushes = new();

    /// <summary>Flushes of this process that ended with a failure, whose notes are still there.</summary>
    private readonly ConcurrentDictionary<string, (int Partition, long Owner)> _failed = new(StringComparer.Ordinal);

    /// <inheritdoc cref="IMessageStore.TakePartitionAsync"/>
    public async Task<long> TakeAsync(int partition, long nowMs)
    {
        var id = new BsonDocument("_id", partition);
        await collections.Partitions.InsertAbsentAsync([new BsonDocument { { "_id", partition }, { OwnerField, NoOwner }, { FlushField, 0L } }]);
        var taken = await collections.Partitions.FindOneAndUpdateAsync(
                new BsonDocument(id) { { OwnerField, new BsonDocument("$lt", nowMs) } },
                new BsonDocument("$set", new BsonDocument { { OwnerField, nowMs }, { FlushField, 0L } }), ReturnAfter, CancellationToken.None)
            ?? await collections.Partitions.FindOneAndUpdateAsync(
                id, new BsonDocument { { "$inc", new BsonDocument(OwnerField, 1L) }, { "$set", new BsonDocument(FlushField, 0L) } }, ReturnAfter, CancellationToken.None);
        var owner = taken[OwnerField].AsInt64;
        foreach (var note in NotesOf(taken).Where(note => note.Value[OwnerField].AsInt64 != owner))
        {
            await RepairAsync(partition, note.Name, note.Value.AsBsonDocument);
        }

        return owner;
    }

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    public async Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends)
    {
        var outcomes = new AppendOutcome[appends.Count];
        await Task.WhenAll(Enumerable.Range(0, appends.Count).GroupBy(place => (appends[place].Partition, appends[place].OwnerEpoch))
            .Select(flush => AppendAsync(flush.Key.Partition, flush.Key.OwnerEpoch, appends, [.. flush], outcomes)));
        return outcomes;
    }

    /// <summary>Of each partition the last flush before which all are complete.</summary>
    public async Task<Dictionary<int, FeedHead>> HeadsAsync()
    {
        var partitions = await collections.Partitions.Find(FilterDefinition<BsonDocument>.Empty).ToListAsync(CancellationToken.None);
        return partitions.ToDictionary(found => found["_id"].AsInt32, found =>
        {
            var head = (found[OwnerField].AsInt64, found[FlushField].AsInt64);
            foreach (var note in NotesOf(found))
            {
                var before = (note.Value[OwnerField].AsInt64, note.Value[AfterField].AsInt64);
                head = before.CompareTo(head) < 0 ? before : head;
            }

            return new FeedHead(head.Item1, head.Item2);
        });
    }

    private async Task AppendAsync(int partition, long owner, IReadOnlyList<RoomAppend> appends, int[] places, AppendOutcome[] outcomes)
    {
        await RepairFailedAsync(partition, owner);
        var flushId = Guid.CreateVersion7().ToString("N");
        try
        {
            var heads = FindHeadsAsync(appends, places, outcomes);
            var noting = NoteAsync(partition, owner, flushId, places.Select(place => appends[place].RoomId));
            await Task.WhenAll(heads, noting);
            if (await noting is { } flush)
            {
                await InsertAsync(appends, places, outcomes, flushId, flush, await heads);
                await CloseAsync(partition, flushId);
                return;
            }
        }
        catch
        {
            _failed[flushId] = (partition, owner);
            throw;
        }

        var refusal = await RefusalAsync(partition, owner);
        foreach (var place in places)
        {
            outcomes[place] = refusal;
        }
    }

    /// <summary>The rooms before their first entries; those that cannot be appended have their outcome.</summary>
    private async Task<Dictionary<int, StoredHead>> FindHeadsAsync(IReadOnlyList<RoomAppend> appends, int[] places, AppendOutcome[] outcomes)
    {
        var heads = new Dictionary<int, StoredHead>(places.Length);
        var wanted = new Dictionary<(string, long), int>();
        foreach (var place in places)
        {
            var (append, before) = (appends[place], appends[place].Entries[0].Event.Seq - 1);
            if (HasKeyTwice(append))
            {
                outcomes[place] = AppendOutcome.Conflict;
            }
            else if (before == 0)
            {
                heads[place] = StoredHead.None;
            }
            else
            {
                wanted.Add((append.RoomId, before), place);
            }
        }

        var parts = wanted.Keys.Chunk(RoomsInQuery).Select(part => collections.Log
            .Find(new BsonDocument("$or", new BsonArray(part.Select(end => new BsonDocument { { LogField.Room, end.Item1 }, { LogField.Last, end.Item2 } }))))
            .Project(RoomReader.HeadOnly).ToListAsync(CancellationToken.None));
        foreach (var found in (await Task.WhenAll(parts)).SelectMany(part => part))
        {
            var head = StoredHead.Of(found);
            wanted.Remove((found[LogField.Room].AsString, head.LastSeq), out var place);
            heads[place] = head;
        }

        foreach (var ((roomId, before), place) in wanted)
        {
            var last = await RoomReader.LastAsync(collections, roomId);
            outcomes[place] = last is { LastSeq: var seq } && seq > before ? AppendOutcome.Conflict : AppendOutcome.WentBack;
        }

        return heads;
    }

    /// <summary>Notes that a flush begins, if the owner is the partition's.</summary>
    /// <returns>Its number; null when the owner is another one, or the store has forgotten flushes of this one.</returns>
    private async Task<long?> NoteAsync(int partition, long owner, string flushId, IEnumerable<string> roomIds)
    {
        var after = _flushes.GetValueOrDefault((partition, owner));
        var note = new BsonDocument { { OwnerField, owner }, { AfterField, after }, { RoomsField, new BsonArray(roomIds) } };
        var noted = await collections.Partitions.FindOneAndUpdateAsync(
            new BsonDocument { { "_id", partition }, { OwnerField, owner } },
            new BsonDocument { { "$inc", new BsonDocument(FlushField, 1L) }, { "$set", new BsonDocument($"{OpenField}.{flushId}", note) } },
            new FindOneAndUpdateOptions<BsonDocument> { ReturnDocument = ReturnDocument.After, Projection = new BsonDocument(FlushField, 1) }, CancellationToken.None);
        if (noted is null)
        {
            return null;
        }

        var flush = noted[FlushField].AsInt64;
        if (flush <= after)
        {
            await CloseAsync(partition, flushId);
            return null;
        }

        _flushes.AddOrUpdate((partition, owner), flush, (_, known) => Math.Max(known, flush));
        return flush;
    }

    private async Task<AppendOutcome> RefusalAsync(int partition, long owner)
    {
        var found = await collections.Partitions.Find(new BsonDocument("_id", partition)).FirstOrDefaultAsync(CancellationToken.None);
        return found is not null && found[OwnerField].AsInt64 > owner ? AppendOutcome.NotOwner : AppendOutcome.WentBack;
    }

    private async Task InsertAsync(
        IReadOnlyList<RoomAppend> appends, int[] places, AppendOutcome[] outcomes, string flushId, long flush, Dictionary<int, StoredHead> heads)
    {
        var (documents, rooms) = (new List<BsonDocument>(), new List<int>());
        foreach (var place in places)
        {
            if (heads.TryGetValue(place, out var head))
            {
                documents.Add(LogDocuments.Of(appends[place], flushId, flush, documents.Count, head));
                rooms.Add(place);
            }
        }

        var refused = await collections.Log.InsertAbsentAsync(documents);
        var stored = new HashSet<string>(StringComparer.Ordinal);
        if (refused.Count > 0)
        {
            // Its own id is taken: by itself, when the driver sent it twice, or by a newer owner.
            foreach (var found in await FindAsync(refused.Select(index => documents[index]["_id"].AsString)))
            {
                var index = documents.FindIndex(document => document["_id"] == found["_id"]);
                outcomes[rooms[index]] = found.Contains(LogField.Void) ? AppendOutcome.NotOwner : AppendOutcome.Appended;
                stored.Add(found["_id"].AsString);
            }

            foreach (var index in refused.Where(index => !stored.Contains(documents[index]["_id"].AsString)))
            {
                outcomes[rooms[index]] = AppendOutcome.Conflict;
            }
        }

        await Effects.ApplyAsync(collections, documents.Where((_, index) => outcomes[rooms[index]] == AppendOutcome.Appended));
    }

    private async Task<List<BsonDocument>> FindAsync(IEnumerable<string> ids) => await collections.Log
        .Find(new BsonDocument("_id", new BsonDocument("$in", new BsonArray(ids))))
        .Project(new BsonDocument { { LogField.Void, 1 }, { LogField.Effects, 1 } }).ToListAsync(CancellationToken.None);

    private async Task CloseAsync(int partition, string flushId) => await collections.Partitions.UpdateOneAsync(
        new BsonDocument("_id", partition), new BsonDocument("$unset", new BsonDocument($"{OpenField}.{flushId}", "")), cancellationToken: CancellationToken.None);

    private async Task RepairFailedAsync(int partition, long owner)
    {
        foreach (var (flushId, _) in _failed.Where(failed => failed.Value == (partition, owner)))
        {
            var found = await collections.Partitions.Find(new BsonDocument("_id", partition)).FirstOrDefaultAsync(CancellationToken.None);
            if (found is not null && NotesOf(found).FirstOrDefault(note => note.Name == flushId) is { Name: not null } note)
            {
                await RepairAsync(partition, flushId, note.Value.AsBsonDocument);
            }

            _failed.TryRemove(flushId, out _);
        }
    }

    /// <summary>Ends a flush that may be half written: what is not there by now never comes.</summary>
    private async Task RepairAsync(int partition, string flushId, BsonDocument note)
    {
        var rooms = note[RoomsField].AsBsonArray.Select(room => room.AsString).ToArray();
        var taken = await collections.Log.InsertAbsentAsync(Array.ConvertAll(rooms, room => LogDocuments.Void(flushId, room)));
        if (taken.Count > 0)
        {
            await Effects.ApplyAsync(collections, await FindAsync(taken.Select(index => LogDocuments.IdOf(flushId, rooms[index]))));
        }

        await CloseAsync(partition, flushId);
    }

    private static IEnumerable<BsonElement> NotesOf(BsonDocument partition) =>
        partition.TryGetValue(OpenField, out var open) ? open.AsBsonDocument.Elements : [];

    private static bool HasKeyTwice(RoomAppend append)
    {
        var keys = new HashSet<EntryKey>();
        foreach (var entry in append.Entries)
        {
            if (!keys.Add(append.KeyOf(entry)))
            {
                return true;
            }
        }

        return false;
    }
}
