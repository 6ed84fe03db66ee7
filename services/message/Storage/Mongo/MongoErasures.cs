using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Deletions of users' data on MongoDB: a document for each user, with how far it is in each partition.</summary>
internal sealed class MongoErasures(MessageCollections collections) : IErasures
{
    private const string By = "by";
    private const string Keeps = "keeps";
    private const string At = "at";
    private const string RoomsDone = "rooms";
    private const string PresenceDone = "presence";
    private const string NotificationsDone = "notifications";
    private const string CompletedAt = "completed";
    private const string Parts = "parts";
    private const string Partition = "p";
    private const string Room = "r";
    private const string Seq = "s";
    private const string Done = "done";

    public Task BeginAsync(Erasure erasure, int partitions, AuditRecord record, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        await MongoAuditLog.MoveAsync(collections); // The record of an earlier one is not to be lost.
        var begun = new BsonDocument
        {
            { By, erasure.RequestedBy }, { Keeps, erasure.KeepsMessages }, { At, erasure.RequestedAtMs }, { RoomsDone, false }, { PresenceDone, false },
            { NotificationsDone, false }, { CompletedAt, 0L },
            {
                Parts,
                new BsonArray(Enumerable.Range(0, partitions).Select(
                    partition => new BsonDocument { { Partition, partition }, { Room, "" }, { Seq, long.MaxValue }, { Done, false } }))
            },
        };

        // One that goes on is neither found by the condition nor inserted.
        await collections.Erasures.UpsertWhenAsync(
        [
            new UpdateOneModel<BsonDocument>(
                new BsonDocument { { "_id", erasure.UserId }, { CompletedAt, new BsonDocument("$gt", 0L) } },
                new BsonDocument("$set", MongoAuditLog.With(begun, record))),
        ]);
        await MongoAuditLog.MoveAsync(collections);
        return true;
    }, cancellationToken);

    public Task<Erasure?> FindAsync(string userId, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
        await collections.Erasures.Find(new BsonDocument("_id", userId)).FirstOrDefaultAsync(CancellationToken.None) is { } found ? Of(found) : null, cancellationToken);

    public Task<IReadOnlyList<Erasure>> ListOpenAsync(int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var open = await collections.Erasures.Find(new BsonDocument(CompletedAt, 0L)).Sort(new BsonDocument(At, 1)).Limit(limit).ToListAsync(CancellationToken.None);
        return (IReadOnlyList<Erasure>)open.ConvertAll(Of);
    }, cancellationToken);

    public Task<IReadOnlyList<ErasurePart>> ReadPartsAsync(string userId, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var found = await collections.Erasures.Find(new BsonDocument("_id", userId)).FirstOrDefaultAsync(CancellationToken.None);
        return (IReadOnlyList<ErasurePart>)[
            .. (found is null ? [] : found[Parts].AsBsonArray).Select(part => new ErasurePart(
                part[Partition].AsInt32, part[Room].AsString, part[Seq].AsInt64, part[Done].AsBoolean)).OrderBy(part => part.Partition),
        ];
    }, cancellationToken);

    public Task MoveAsync(string userId, ErasurePart part, CancellationToken cancellationToken) => collections.Connection.TryAsync(
        () => collections.Erasures.UpdateOneAsync(
            new BsonDocument { { "_id", userId }, { $"{Parts}.{Partition}", part.Partition } },
            new BsonDocument("$set", new BsonDocument
            {
                { $"{Parts}.$.{Room}", part.RoomId }, { $"{Parts}.$.{Seq}", part.Seq }, { $"{Parts}.$.{Done}", part.IsDone },
            }),
            cancellationToken: CancellationToken.None),
        cancellationToken);

    public Task NoteAsync(string userId, ErasureStep step, long nowMs, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        if (step == ErasureStep.Rooms)
        {
            await collections.Requests.DeleteManyAsync(new BsonDocument("user", userId), CancellationToken.None); // What was answered under the user's keys.
        }

        var what = step switch
        {
            ErasureStep.Rooms => new BsonDocument(RoomsDone, true),
            ErasureStep.Presence => new BsonDocument(PresenceDone, true),
            ErasureStep.Notifications => new BsonDocument(NotificationsDone, true),
            _ => new BsonDocument(CompletedAt, nowMs),
        };
        return await collections.Erasures.UpdateOneAsync(
            new BsonDocument { { "_id", userId }, { CompletedAt, 0L }, { At, new BsonDocument("$lte", nowMs) } }, new BsonDocument("$set", what),
            cancellationToken: CancellationToken.None);
    }, cancellationToken);

    private static Erasure Of(BsonDocument found) => new(
        found["_id"].AsString, found[By].AsString, found[Keeps].AsBoolean, found[At].AsInt64, found[RoomsDone].AsBoolean, found[PresenceDone].AsBoolean,
        found[NotificationsDone].AsBoolean, found[CompletedAt].AsInt64);
}
