using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>The audit log on MongoDB.</summary>
/// <remarks>What is recorded carries its record in its own document, and so is written with it in one step; from there the record is moved here.</remarks>
internal sealed class MongoAuditLog(MessageCollections collections) : IAuditLog
{
    private const string Pending = "audit";

    public Task AddAsync(AuditRecord record, CancellationToken cancellationToken) => collections.Connection.TryAsync(
        () => collections.Audit.InsertAbsentAsync([DocumentOf(record)]), cancellationToken);

    public Task<IReadOnlyList<AuditRecord>> ReadAsync(
        AuditFilter filter, long beforeMs, string beforeId, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        await MoveAsync(collections);
        var query = new BsonDocument("$or", new BsonArray
        {
            new BsonDocument("at", new BsonDocument("$lt", beforeMs)),
            new BsonDocument { { "at", beforeMs }, { "_id", new BsonDocument("$lt", beforeId) } },
        });
        query.Add("$and", new BsonArray { new BsonDocument("at", new BsonDocument("$gte", filter.SinceMs)) });
        foreach (var (field, value) in ((string, string)[])[("actor", filter.ActorId), ("action", filter.Action), ("room", filter.RoomId), ("target", filter.TargetId)])
        {
            _ = value.Length > 0 ? query.Add(field, value) : query;
        }

        var found = await collections.Audit.Find(query).Sort(new BsonDocument { { "at", -1 }, { "_id", -1 } }).Limit(limit).ToListAsync(CancellationToken.None);
        return (IReadOnlyList<AuditRecord>)found.ConvertAll(record => new AuditRecord(
            record["_id"].AsString, record["at"].AsInt64, record["actor"].AsString, record["action"].AsString, record["room"].AsString, record["target"].AsString,
            record["detail"].AsString));
    }, cancellationToken);

    /// <summary>Puts a record into the document of what it is about.</summary>
    public static BsonDocument With(BsonDocument document, AuditRecord record) => document.Add(Pending, DocumentOf(record));

    /// <summary>A record as the log keeps it.</summary>
    public static BsonDocument DocumentOf(AuditRecord record) => new()
    {
        { "_id", record.Id }, { "at", record.AtMs }, { "actor", record.ActorId }, { "action", record.Action }, { "room", record.RoomId },
        { "target", record.TargetId }, { "detail", record.Detail },
    };

    /// <summary>Moves the records of revocations and deletions to the log; each is there once, whoever moves it.</summary>
    public static async Task MoveAsync(MessageCollections collections)
    {
        foreach (var from in (IMongoCollection<BsonDocument>[])[collections.Revocations, collections.Erasures])
        {
            var pending = await from.Find(new BsonDocument($"{Pending}._id", new BsonDocument("$gt", ""))).ToListAsync(CancellationToken.None);
            if (pending.Count > 0)
            {
                await collections.Audit.InsertAbsentAsync(pending.ConvertAll(document => document[Pending].AsBsonDocument));
                await from.UpdateManyAsync(
                    new BsonDocument($"{Pending}._id", new BsonDocument("$in", new BsonArray(pending.Select(document => document[Pending]["_id"])))),
                    new BsonDocument("$unset", new BsonDocument(Pending, "")), cancellationToken: CancellationToken.None);
            }
        }
    }
}
