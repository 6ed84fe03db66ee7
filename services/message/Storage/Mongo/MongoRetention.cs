using Google.Protobuf;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Retention on MongoDB: a document for each room of which something may have to be emptied.</summary>
internal sealed class MongoRetention(MessageCollections collections) : IRetention
{
    public Task<Listed<RetainedRoom>> ListAsync(string afterRoomId, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var (rooms, after, isEnd) = (new List<RetainedRoom>(), afterRoomId, false);
        while (rooms.Count <= limit && !isEnd)
        {
            var part = await collections.Retention.Find(new BsonDocument("_id", new BsonDocument("$gt", after))).Sort(new BsonDocument("_id", 1)).Limit(limit + 1)
                .ToListAsync(CancellationToken.None);
            isEnd = part.Count <= limit;
            after = part.Count > 0 ? part[^1]["_id"].AsString : after;
            var heads = await RoomReader.LastAsync(collections, part.Select(room => room["_id"].AsString));
            rooms.AddRange(part.Where(room => heads.ContainsKey(room["_id"].AsString)).Select(room => Of(room["_id"].AsString, heads[room["_id"].AsString], room))
                .Where(room => room.IsDeleted ? room.ErasedSeq < long.MaxValue : room.RetentionDays > 0 || room.ErasedSeq < room.FirstSeq));
        }

        return rooms.Count > limit ? new Listed<RetainedRoom>(rooms[..limit], HasMore: true) : new Listed<RetainedRoom>(rooms, HasMore: false);
    }, cancellationToken);

    public Task<RetainedRoom?> FindAsync(string roomId, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var head = await RoomReader.LastAsync(collections, roomId);
        var room = await collections.Retention.Find(new BsonDocument("_id", roomId)).FirstOrDefaultAsync(CancellationToken.None);
        return head is null ? (RetainedRoom?)null : Of(roomId, head.Value, room);
    }, cancellationToken);

    public Task<long> FindFirstKeptAsync(
        string roomId, long fromSeq, long beforeMs, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var (first, looked) = (fromSeq, 0);
        using var cursor = await collections.Log.Find(InRange(roomId, fromSeq, long.MaxValue)).Sort(new BsonDocument(LogField.Last, 1)).Limit(limit)
            .Project(new BsonDocument($"{LogField.Entries}.{LogField.Body}", 0)).ToCursorAsync(CancellationToken.None);
        while (await cursor.MoveNextAsync(CancellationToken.None))
        {
            foreach (var entry in cursor.Current.SelectMany(LogDocuments.EntriesOf).Where(entry => LogDocuments.SeqOf(entry) >= fromSeq))
            {
                if (looked++ == limit || entry[LogField.At].AsInt64 >= beforeMs)
                {
                    return first;
                }

                first = LogDocuments.SeqOf(entry) + 1;
            }
        }

        return first;
    }, cancellationToken);

    public Task EraseAsync(string roomId, long fromSeq, long toSeq, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var documents = await collections.Log.Find(InRange(roomId, fromSeq, toSeq)).ToListAsync(CancellationToken.None);
        var updates = documents.SelectMany(document => LogDocuments.EntriesOf(document)
            .Where(entry => LogDocuments.SeqOf(entry) >= fromSeq && LogDocuments.SeqOf(entry) < toSeq && HasText(entry)).Select(entry => Emptied(roomId, document["_id"], entry))).ToList();

        // The text of a message that was edited is in the log where it was edited.
        var changed = new BsonDocument { { ChangeField.Room, roomId }, { ChangeField.Created, new BsonDocument { { "$gte", fromSeq }, { "$lt", toSeq } } } };
        foreach (var change in await collections.Changes.Find(changed).ToListAsync(CancellationToken.None))
        {
            var textSeq = Message.Parser.ParseFrom(change[ChangeField.State].AsByteArray).TextSeq;
            if (textSeq >= toSeq)
            {
                var document = await collections.Log.Find(InRange(roomId, textSeq, textSeq + 1)).FirstOrDefaultAsync(CancellationToken.None);
                updates.AddRange(document is null ? [] : LogDocuments.EntriesOf(document)
                    .Where(entry => LogDocuments.SeqOf(entry) == textSeq).Select(entry => Emptied(roomId, document["_id"], entry)));
            }
        }

        if (updates.Count > 0)
        {
            await collections.Log.BulkWriteAsync(updates, new BulkWriteOptions { IsOrdered = false }, CancellationToken.None);
        }

        await collections.Changes.DeleteManyAsync(changed, CancellationToken.None);
        await collections.Retention.UpsertWhenAsync(
        [
            new UpdateOneModel<BsonDocument>(
                new BsonDocument("_id", roomId),
                new BsonDocument
                {
                    { "$max", new BsonDocument(RetentionField.ErasedSeq, toSeq) },
                    {
                        "$setOnInsert",
                        new BsonDocument { { RetentionField.Days, 0 }, { RetentionField.FirstSeq, 1L }, { RetentionField.Deleted, false }, { RetentionField.Seq, 0L } }
                    },
                }),
        ]);
        return true;
    }, cancellationToken);

    private static RetainedRoom Of(string roomId, StoredHead head, BsonDocument? room)
    {
        var erased = room?.GetValue(RetentionField.ErasedSeq, 1L).ToInt64() ?? 1;
        return new RetainedRoom(roomId, head.RetentionDays, head.IsDeleted && erased > head.FirstSeq ? erased : head.FirstSeq, erased, head.LastSeq, head.IsDeleted);
    }

    private static BsonDocument InRange(string roomId, long fromSeq, long toSeq) =>
        RoomReader.InRoom(roomId, new BsonDocument { { "$gt", 0L }, { "$lt", toSeq } }).Add(LogField.Last, new BsonDocument("$gte", fromSeq));

    private static bool HasText(BsonDocument entry) =>
        (RoomEvent.BodyOneofCase)entry[LogField.Kind].AsInt32 is RoomEvent.BodyOneofCase.Message or RoomEvent.BodyOneofCase.Edited;

    private static UpdateOneModel<BsonDocument> Emptied(string roomId, BsonValue documentId, BsonDocument entry) => new(
        new BsonDocument { { "_id", documentId }, { LogField.Room, roomId }, { $"{LogField.Entries}.{LogField.Seq}", entry[LogField.Seq] } },
        new BsonDocument("$set", new BsonDocument($"{LogField.Entries}.$.{LogField.Body}", ErasedEntries.Empty(LogDocuments.EventOf(entry)).ToByteArray())));
}
