using MongoDB.Bson;
using MongoDB.Driver;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>What is stored of decisions, on MongoDB.</summary>
internal sealed class MongoTrailRows(NotificationCollections collections) : ITrailRows
{
    public async Task<List<NotifiedTrail>> NotifiedAsync(string messageId, string userId, int limit)
    {
        var found = await collections.Inbox.Find(new BsonDocument { { "m", messageId }, { "gone", new BsonDocument("$exists", false) } }.AddText("u", userId))
            .Sort(new BsonDocument { { "u", 1 }, { "useq", 1 } }).Limit(limit).ToListAsync(CancellationToken.None);
        var withheld = (await collections.Withheld.FindInAsync("_id", found.Select(item => item["_id"]))).ToDictionary(one => one["_id"]);
        return found.ConvertAll(item =>
        {
            var kept = withheld.GetValueOrDefault(item["_id"]) is { } one && one.TextOf("n") == item["n"].AsString ? one : null;
            return new NotifiedTrail(
                item["u"].AsString, item["kind"].AsString, item["n"].AsString, item["read"].AsBoolean, item["useq"].AsInt64, item["r"].AsString,
                kept?["reason"].AsString ?? "", kept?["at"].AsInt64 ?? 0);
        });
    }

    public async Task<List<KeptOutTrail>> KeptOutAsync(string messageId, string userId, int limit)
    {
        var found = await collections.Withheld.Find(new BsonDocument { { "m", messageId }, { "n", new BsonDocument("$exists", false) } }.AddText("u", userId))
            .Sort(new BsonDocument("u", 1)).ToListAsync(CancellationToken.None);
        var told = (await collections.Inbox.FindInAsync("_id", found.Select(one => one["_id"]))).Select(item => item["_id"]).ToHashSet();
        return
        [
            .. found.Where(one => !told.Contains(one["_id"])).Take(limit)
                .Select(one => new KeptOutTrail(one["u"].AsString, one["kind"].AsString, one["reason"].AsString, one["at"].AsInt64)),
        ];
    }

    public async Task<List<PushTrail>> PushesAsync(IReadOnlyCollection<string> userIds) =>
    [
        .. (await collections.Pushed.FindInAsync("u", Values(userIds))).Select(push => new PushTrail(
            push["u"].AsString, push["push"].AsString, push["tag"].AsString, push["up_to"].AsInt64, push["outcome"].AsString, push["shown"].AsString,
            push["at"].AsInt64))
            .OrderBy(push => push.PushId, StringComparer.Ordinal),
    ];

    public async Task<List<DeviceTrail>> DevicesAsync(IReadOnlyCollection<string> userIds) =>
    [
        .. (await collections.Outcomes.FindInAsync("u", Values(userIds))).OrderBy(one => one["push"].AsString, StringComparer.Ordinal)
            .ThenBy(one => one["d"].AsString, StringComparer.Ordinal).Select(one => new DeviceTrail(
                one["u"].AsString, one["push"].AsString, one["host"].AsString, one["outcome"].AsString, one["attempts"].AsInt32, one["at"].AsInt64,
                one["error"].AsString)),
    ];

    public async Task<List<(string UserId, string Tag, long Useq)>> WaitingAsync(IReadOnlyCollection<string> userIds) =>
        (await collections.Pushes.FindInAsync("u", Values(userIds), MongoPushRows.IsWaiting))
            .ConvertAll(push => (push["u"].AsString, push["tag"].AsString, push["useq"].AsInt64));

    private static IEnumerable<BsonValue> Values(IEnumerable<string> texts) => texts.Select(text => (BsonValue)text);
}

/// <summary>What is deleted with a user, on MongoDB.</summary>
internal sealed class MongoOwnedRows(NotificationCollections collections) : IOwnedRows
{
    public async Task<int> RemoveInboxAsync(string userId, int limit)
    {
        var found = await collections.Inbox.Find(new BsonDocument("u", userId)).Limit(limit).Project(new BsonDocument("_id", 1))
            .ToListAsync(CancellationToken.None);
        await collections.Inbox.DeleteManyAsync(new BsonDocument("_id", Documents.In(found.Select(item => item["_id"]))), CancellationToken.None);
        return found.Count;
    }

    public async Task RemoveAsync(string userId)
    {
        IMongoCollection<BsonDocument>[] owned =
        [
            collections.Subscriptions, collections.Pushes, collections.Reads, collections.Threads, collections.Members, collections.Withheld,
            collections.Pushed,
            collections.Outcomes,
        ];
        foreach (var collection in owned)
        {
            await collection.DeleteManyAsync(new BsonDocument("u", userId), CancellationToken.None);
        }

        await collections.PushUsers.DeleteOneAsync(new BsonDocument("_id", userId), CancellationToken.None);
        await collections.Users.UpdateOneAsync(
            new BsonDocument("_id", userId), new BsonDocument("$unset", new BsonDocument { { "preferences", "" }, { "words", "" } }),
                cancellationToken: CancellationToken.None);
        await collections.Presence.DeleteManyAsync(new BsonDocument("s", $"u:{userId}"), CancellationToken.None);
        await collections.Jobs.DeleteManyAsync(
            new BsonDocument("$or", new BsonArray
            {
                new BsonDocument("_id", Documents.In([$"push-user:{userId}", $"digest:{userId}"])),
                new BsonDocument { { "_id", new BsonDocument { { "$gte", $"push:{userId}:" }, { "$lt", $"push:{userId};" } } }, { "kind", "push" } },
            }),
            CancellationToken.None);
    }

    public async Task<List<(string Key, string Body)>> FailedWebhookJobsAsync(string afterKey, int limit)
    {
        var jobs = await collections.Jobs
            .Find(new BsonDocument { { "kind", "webhook" }, { "failed", new BsonDocument("$exists", true) }, { "_id", new BsonDocument("$gt", afterKey) } })
            .Sort(new BsonDocument("_id", 1)).Limit(limit).ToListAsync(CancellationToken.None);
        return jobs.ConvertAll(job => (job["_id"].AsString, job["body"].AsString));
    }

    public Task SetJobBodyAsync(string key, string body) => collections.Jobs.UpdateOneAsync(
        new BsonDocument("_id", key), Documents.Set(new BsonDocument("body", body))
            .Add("$inc", new BsonDocument("rev", 1L)), cancellationToken: CancellationToken.None);
}
