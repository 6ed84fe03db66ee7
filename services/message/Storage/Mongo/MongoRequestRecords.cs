using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Requests with a key on MongoDB: a document each, taken by one update.</summary>
internal sealed class MongoRequestRecords(MessageCollections collections) : IRequestRecords
{
    private static readonly FindOneAndUpdateOptions<BsonDocument> TakeOptions = new() { IsUpsert = true, ReturnDocument = ReturnDocument.After };

    public Task<(bool Taken, RequestRecord? Known)> BeginAsync(RequestClaim claim, int max, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(() => TakeAsync(claim, max), cancellationToken);

    public Task FinishAsync(string userId, string requestId, string claim, byte[] answer, long untilMs, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(
            () => collections.Requests.UpdateOneAsync(
                Unanswered(userId, requestId, claim), new BsonDocument("$set", new BsonDocument { { "answer", answer }, { "until", Time(untilMs) } }),
                cancellationToken: CancellationToken.None),
            cancellationToken);

    public Task ReleaseAsync(string userId, string requestId, string claim, CancellationToken cancellationToken) => collections.Connection.TryAsync(
        () => collections.Requests.DeleteOneAsync(Unanswered(userId, requestId, claim), CancellationToken.None), cancellationToken);

    public Task ForgetAsync(long nowMs, CancellationToken cancellationToken) => collections.Connection.TryAsync(
        () => collections.Requests.DeleteManyAsync(new BsonDocument("until", new BsonDocument("$lte", Time(nowMs))), CancellationToken.None), cancellationToken);

    private async Task<(bool Taken, RequestRecord? Known)> TakeAsync(RequestClaim claim, int max)
    {
        if (await FindAsync(claim) is { } known)
        {
            return (false, known);
        }

        if (max < int.MaxValue && await collections.Requests.CountDocumentsAsync(new BsonDocument("user", claim.UserId), cancellationToken: CancellationToken.None) >= max)
        {
            return (false, null);
        }

        try
        {
            await collections.Requests.FindOneAndUpdateAsync(
                IdOf(claim.UserId, claim.RequestId).Add("until", new BsonDocument("$lte", Time(claim.NowMs))),
                new BsonDocument
                {
                    {
                        "$set",
                        new BsonDocument { { "user", claim.UserId }, { "fingerprint", claim.Fingerprint }, { "claim", claim.Claim }, { "until", Time(claim.UntilMs) } }
                    },
                    { "$unset", new BsonDocument("answer", "") },
                },
                TakeOptions, CancellationToken.None);
            return (true, null);
        }
        catch (MongoException exception) when (MongoFaults.IsDuplicateKey(exception))
        {
            return (false, await FindAsync(claim) ?? new RequestRecord(claim.Fingerprint, [])); // Another attempt came in between.
        }
    }

    private async Task<RequestRecord?> FindAsync(RequestClaim claim)
    {
        var found = await collections.Requests.Find(IdOf(claim.UserId, claim.RequestId).Add("until", new BsonDocument("$gt", Time(claim.NowMs))))
            .FirstOrDefaultAsync(CancellationToken.None);
        return found is null ? null : new RequestRecord(found["fingerprint"].AsString, found.TryGetValue("answer", out var answer) ? answer.AsByteArray : []);
    }

    private static BsonDocument Unanswered(string userId, string requestId, string claim) =>
        IdOf(userId, requestId).Add("claim", claim).Add("answer", new BsonDocument("$exists", false));

    private static BsonDocument IdOf(string userId, string requestId) => new("_id", new BsonDocument { { "user", userId }, { "request", requestId } });

    // A date, so that the server can tell that it is over.
    private static BsonDateTime Time(long unixMs) => new(unixMs);
}
