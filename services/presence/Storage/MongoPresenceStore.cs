using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Mongo;

namespace Tertulia.Presence.Storage;

/// <summary>The store on MongoDB: a document for each user, of which the newest stays.</summary>
internal sealed class MongoPresenceStore(MongoConnection connection) : IPresenceStore
{
    private readonly IMongoCollection<BsonDocument> _statuses = connection.Collection("presence_statuses");
    private readonly IMongoCollection<BsonDocument> _seen = connection.Collection("presence_last_seen");

    public Task InitializeAsync(CancellationToken cancellationToken) => MongoConnection.TryForAsLongAsItTakesAsync(async () =>
    {
        await connection.CheckServerAsync(CancellationToken.None);
        await _statuses.Indexes.CreateManyAsync(
            [MongoWrites.Index(new BsonDocument("stamp", 1)), MongoWrites.Index(new BsonDocument("until", 1))], CancellationToken.None);
        return true;
    }).WaitAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => connection.PingAsync(cancellationToken);

    public Task WriteStatusAsync(ChosenStatus status, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        await _statuses.UpsertWhenAsync(
        [
            new UpdateOneModel<BsonDocument>(
                new BsonDocument { { "_id", status.UserId }, { "stamp", new BsonDocument("$lt", status.Stamp) } },
                new BsonDocument("$set", new BsonDocument
                {
                    { "status", status.Status }, { "text", status.Text }, { "emoji", status.Emoji }, { "until", status.UntilMs }, { "stamp", status.Stamp },
                })),
        ]);
        return true;
    }, cancellationToken);

    public Task<IReadOnlyList<ChosenStatus>> ReadStatusesAsync(long afterStamp, int limit, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        var found = await _statuses.Find(new BsonDocument("stamp", new BsonDocument("$gt", afterStamp))).Sort(new BsonDocument("stamp", 1)).Limit(limit)
            .ToListAsync(CancellationToken.None);
        return (IReadOnlyList<ChosenStatus>)found.ConvertAll(status => new ChosenStatus
        {
            UserId = status["_id"].AsString,
            Status = status["status"].AsString,
            Text = status["text"].AsString,
            Emoji = status["emoji"].AsString,
            UntilMs = status["until"].AsInt64,
            Stamp = status["stamp"].AsInt64,
        });
    }, cancellationToken);

    public Task<int> RemoveStatusesAsync(long endedBeforeMs, long chosenBeforeStamp, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        var removed = await _statuses.DeleteManyAsync(
            new BsonDocument("$or", new BsonArray
            {
                new BsonDocument("until", new BsonDocument { { "$gt", 0L }, { "$lt", endedBeforeMs } }),
                new BsonDocument { { "stamp", new BsonDocument("$lt", chosenBeforeStamp) }, { "status", "online" }, { "text", "" }, { "emoji", "" } },
            }),
            CancellationToken.None);
        return (int)removed.DeletedCount;
    }, cancellationToken);

    public Task WriteSeenAsync(IReadOnlyCollection<Seen> seen, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        await _seen.UpsertWhenAsync(
        [
            .. seen.Select(one => new UpdateOneModel<BsonDocument>(
                new BsonDocument("_id", one.UserId), new BsonDocument("$max", new BsonDocument("at", one.SeenMs)))),
        ]);
        return true;
    }, cancellationToken);

    public Task ForgetSeenAsync(string userId, CancellationToken cancellationToken) => connection.TryAsync(
        () => _seen.DeleteOneAsync(new BsonDocument("_id", userId), CancellationToken.None), cancellationToken);

    public Task<IReadOnlyList<Seen>> ReadSeenAsync(IReadOnlyCollection<string> userIds, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        var found = await _seen.Find(new BsonDocument("_id", new BsonDocument("$in", new BsonArray(userIds)))).ToListAsync(CancellationToken.None);
        return (IReadOnlyList<Seen>)found.ConvertAll(one => new Seen(one["_id"].AsString, one["at"].AsInt64));
    }, cancellationToken);

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
