using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Revocations on MongoDB.</summary>
/// <remarks>A number is one more than the largest that is there, and is taken by the insert itself: who reads number n has n - 1 behind it. The document with the
/// largest one stays, ended or not, so that no number comes twice.</remarks>
internal sealed class MongoRevocationStore(MessageCollections collections) : IRevocationStore
{
    public Task<long?> AddAsync(Revocation revocation, string revokedBy, string reason, int max, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var document = new BsonDocument
        {
            { "token", revocation.TokenId }, { "user", revocation.UserId }, { "room", revocation.RoomId }, { "at", revocation.RevokedAtMs },
            { "until", revocation.ExpiresAtMs }, { "by", revokedBy }, { "reason", reason },
        };
        MongoAuditLog.With(document, SqlRevocationStore.RecordOf(revocation, revokedBy, reason));
        while (true)
        {
            var last = await collections.Revocations.Find(new BsonDocument()).Sort(new BsonDocument("_id", -1)).Limit(1)
                .Project(new BsonDocument("_id", 1)).FirstOrDefaultAsync(CancellationToken.None);
            var number = (last?["_id"].AsInt64 ?? 0) + 1;
            await MongoAuditLog.MoveAsync(collections);
            await collections.Revocations.DeleteManyAsync(
                new BsonDocument { { "until", new BsonDocument("$lte", revocation.RevokedAtMs) }, { "_id", new BsonDocument("$lt", number - 1) } }, CancellationToken.None);
            if (await collections.Revocations.CountDocumentsAsync(Lasting(revocation.RevokedAtMs), cancellationToken: CancellationToken.None) >= max)
            {
                return (long?)null;
            }

            if ((await collections.Revocations.InsertAbsentAsync([new BsonDocument("_id", number).AddRange(document)])).Count == 0)
            {
                await MongoAuditLog.MoveAsync(collections);
                return number;
            }
        }
    }, cancellationToken);

    public Task<IReadOnlyList<Revocation>> ReadAsync(long after, long nowMs, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var found = await collections.Revocations.Find(Lasting(nowMs).Add("_id", new BsonDocument("$gt", after)))
            .Sort(new BsonDocument("_id", 1)).Limit(limit).ToListAsync(CancellationToken.None);
        return (IReadOnlyList<Revocation>)found.ConvertAll(revocation => new Revocation
        {
            Number = revocation["_id"].AsInt64,
            TokenId = revocation["token"].AsString,
            UserId = revocation["user"].AsString,
            RoomId = revocation["room"].AsString,
            RevokedAtMs = revocation["at"].AsInt64,
            ExpiresAtMs = revocation["until"].AsInt64,
        });
    }, cancellationToken);

    private static BsonDocument Lasting(long nowMs) => new("until", new BsonDocument("$gt", nowMs));
}
