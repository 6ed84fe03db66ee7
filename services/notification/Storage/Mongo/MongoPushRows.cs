using System.Text.Json;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;
using Tertulia.Notifications.Push;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>Pushes on MongoDB: a document for each tag, which names what waits, so that the same notification waits once.</summary>
internal sealed class MongoPushRows(NotificationCollections collections) : IPushRows
{
    private const string Waits = "waiting";

    private IMongoCollection<BsonDocument> Pushes => collections.Pushes;

    public Task AddAsync(string userId, PushContent content)
    {
        var id = IdOf(userId, content.Tag);
        var waits = new BsonDocument(Waits, content.NotificationId);
        var newest = new UpdateOneModel<BsonDocument>(
            new BsonDocument { { "_id", id }, { "useq", Documents.Below(content.Useq) } },
            Documents.Set(new BsonDocument
            {
                { "u", userId }, { "tag", content.Tag }, { "n", content.NotificationId }, { "useq", content.Useq },
                { "content", JsonSerializer.Serialize(content) },
            }).Add("$addToSet", waits));

        // One that comes late waits, and is not what is shown.
        var late = new UpdateOneModel<BsonDocument>(
            new BsonDocument { { "_id", id }, { "useq", new BsonDocument("$gte", content.Useq) } }, new BsonDocument("$addToSet", waits));
        return Pushes.UpsertWhenAsync([newest], _ => [newest, late]);
    }

    public async Task<PendingPush?> FindAsync(string userId, string tag) =>
        await Pushes.Find(new BsonDocument("_id", IdOf(userId, tag))).FirstOrDefaultAsync(CancellationToken.None) is { } push
            ? new PendingPush(ContentOf(push), push[Waits].AsBsonArray.Count, push.TryGetValue("shown", out var shown) ? shown.AsString : null,
                push["n"].AsString)
            : null;

    public async Task<HashSet<(string UserId, string NotificationId)>> NewestOfAsync(IReadOnlyCollection<(string UserId, string NotificationId)> items)
    {
        var asked = items.ToHashSet();
        var found = await Pushes.FindInAsync("u", items.Select(item => (BsonValue)item.UserId));
        return [.. found.Select(push => (push["u"].AsString, push["n"].AsString)).Where(asked.Contains)];
    }

    public Task SetContentAsync(string userId, string tag, string newestId, PushContent content) => Pushes.UpdateOneAsync(
        new BsonDocument { { "_id", IdOf(userId, tag) }, { "n", newestId } }, Documents.Set(new BsonDocument("content", JsonSerializer.Serialize(content))),
        cancellationToken: CancellationToken.None);

    public Task RemoveAsync(string userId, string tag, string newestId) =>
        Pushes.DeleteOneAsync(new BsonDocument { { "_id", IdOf(userId, tag) }, { "n", newestId } }, CancellationToken.None);

    public Task ReplaceAsync(string userId, string tag, string newestId, PushContent content, bool isShown)
    {
        var fields = new BsonDocument("content", JsonSerializer.Serialize(content));
        return Pushes.UpdateOneAsync(
            new BsonDocument { { "_id", IdOf(userId, tag) }, { "n", newestId } },
            isShown ? Documents.Set(fields.Add(Waits, new BsonArray { newestId })) : Documents.Set(fields).Add("$pull", new BsonDocument(Waits, newestId)),
            cancellationToken: CancellationToken.None);
    }

    public Task ReadUpToAsync(string userId, long useq) =>
        Pushes.DeleteManyAsync(new BsonDocument { { "u", userId }, { "useq", Documents.UpTo(useq) } }, CancellationToken.None);

    public Task ReadAsync(string userId, string notificationId) =>
        Pushes.DeleteManyAsync(new BsonDocument { { "u", userId }, { "n", notificationId } }, CancellationToken.None);

    public async Task<List<WaitingPush>> WaitingAsync(string userId)
    {
        var pushes = await Pushes.Find(new BsonDocument("u", userId).AddRange(IsWaiting)).Sort(new BsonDocument("useq", 1)).ToListAsync(CancellationToken.None);
        return pushes.ConvertAll(push =>
        {
            string[] ids = [.. push[Waits].AsBsonArray.Select(id => id.AsString)];
            return new WaitingPush(push["tag"].AsString, ContentOf(push), ids.Length, ids);
        });
    }

    public Task TakeAsync(string userId, WaitingPush taken, string? shownId)
    {
        var update = new BsonDocument("$pullAll", new BsonDocument(Waits, new BsonArray(taken.Ids)));
        return Pushes.UpdateOneAsync(
            new BsonDocument("_id", IdOf(userId, taken.Tag)), shownId is null ? update : update.AddRange(Documents.Set(new BsonDocument("shown", shownId))),
            cancellationToken: CancellationToken.None);
    }

    public async Task<DateTimeOffset?> PushedAtAsync(string userId) =>
        (await collections.PushUsers.Find(new BsonDocument("_id", userId)).FirstOrDefaultAsync(CancellationToken.None))?.TimeOf("at");

    public Task SetPushedAtAsync(string userId, DateTimeOffset now) => collections.PushUsers.UpsertWhenAsync(
        [new UpdateOneModel<BsonDocument>(new BsonDocument("_id", userId), Documents.Set(new BsonDocument("at", now.ToUnixTimeMilliseconds())))]);

    public Task LogAsync(string userId, string pushId, string tag, long upToUseq, string reason, string shownId, DateTimeOffset now) =>
        collections.Pushed.InsertAbsentAsync(
    [
        new BsonDocument
        {
            { "_id", new BsonDocument { { "u", userId }, { "push", pushId }, { "tag", tag } } }, { "u", userId }, { "push", pushId }, { "tag", tag },
            { "up_to", upToUseq },
            { "outcome", reason }, { "shown", shownId }, { "at", now.ToUnixTimeMilliseconds() },
        },
    ]);

    public Task LogDeviceAsync(string userId, string pushId, string deviceId, string host, DateTimeOffset now) => collections.Outcomes.InsertAbsentAsync(
    [
        new BsonDocument
        {
            { "_id", OutcomeOf(userId, pushId, deviceId) }, { "u", userId }, { "push", pushId }, { "d", deviceId }, { "host", host },
            { "outcome", PushLog.Waiting },
            { "attempts", 0 }, { "at", now.ToUnixTimeMilliseconds() }, { "error", "" },
        },
    ]);

    public Task NoteAsync(PushJob push, int attempts, string outcome, string error, DateTimeOffset now) => collections.Outcomes.UpdateOneAsync(
        new BsonDocument("_id", OutcomeOf(push.UserId, push.PushId, push.DeviceId)),
        Documents.Set(new BsonDocument { { "outcome", outcome }, { "attempts", attempts }, { "at", now.ToUnixTimeMilliseconds() }, { "error", error } }),
        cancellationToken: CancellationToken.None);

    public async Task ForgetAsync(string userId, int keep)
    {
        var pushes = await collections.Pushed.Find(new BsonDocument("u", userId)).Sort(new BsonDocument("push", -1))
            .Project(new BsonDocument("push", 1)).ToListAsync(CancellationToken.None);
        if (pushes.Select(push => push["push"].AsString).Distinct(StringComparer.Ordinal).Skip(keep).FirstOrDefault() is { } newest)
        {
            var old = new BsonDocument { { "u", userId }, { "push", new BsonDocument("$lte", newest) } };
            await collections.Outcomes.DeleteManyAsync(old, CancellationToken.None);
            await collections.Pushed.DeleteManyAsync(old, CancellationToken.None); // What is asked is removed last.
        }
    }

    /// <summary>Something waits under the tag.</summary>
    public static BsonDocument IsWaiting => new($"{Waits}.0", new BsonDocument("$exists", true));

    private static BsonDocument IdOf(string userId, string tag) => new() { { "u", userId }, { "tag", tag } };

    private static BsonDocument OutcomeOf(string userId, string pushId, string deviceId) => new() { { "u", userId }, { "push", pushId }, { "d", deviceId } };

    private static PushContent ContentOf(BsonDocument push) => JsonSerializer.Deserialize<PushContent>(push["content"].AsString)!;
}

/// <summary>Devices on MongoDB.</summary>
internal sealed class MongoDeviceRows(NotificationCollections collections) : IDeviceRows
{
    private const int TheKeys = 1;

    private IMongoCollection<BsonDocument> Subscriptions => collections.Subscriptions;

    public async Task PutAsync(PushSubscription subscription, string endpointHash, DateTimeOffset now, int keep)
    {
        var id = IdOf(subscription.UserId, subscription.DeviceId);
        var device = new BsonDocument
        {
            { "u", subscription.UserId }, { "d", subscription.DeviceId }, { "endpoint", subscription.Endpoint }, { "hash", endpointHash },
            { "key", subscription.Key },
            { "auth", subscription.Auth }, { "at", now.ToUnixTimeMilliseconds() },
        };
        while (!await TryPutAsync(id, device, endpointHash))
        {
            // Somebody else has just put the same endpoint, or the same device: the later one counts.
        }

        var all = await Subscriptions.Find(new BsonDocument("u", subscription.UserId)).Sort(new BsonDocument { { "at", -1 }, { "d", 1 } })
            .ToListAsync(CancellationToken.None);
        if (all.Count > keep)
        {
            await Subscriptions.DeleteManyAsync(new BsonDocument("_id", Documents.In(all.Skip(keep).Select(one => one["_id"]))), CancellationToken.None);
        }
    }

    public async Task<bool> RemoveAsync(string userId, string deviceId) =>
        (await Subscriptions.DeleteOneAsync(new BsonDocument("_id", IdOf(userId, deviceId)), CancellationToken.None)).DeletedCount > 0;

    public Task RemoveByEndpointAsync(string endpointHash) => Subscriptions.DeleteManyAsync(new BsonDocument("hash", endpointHash), CancellationToken.None);

    public async Task<List<PushSubscription>> OfAsync(string userId) =>
        (await Subscriptions.Find(new BsonDocument("u", userId)).ToListAsync(CancellationToken.None)).ConvertAll(Read);

    public async Task<PushSubscription?> FindAsync(string userId, string deviceId) =>
        await Subscriptions.Find(new BsonDocument("_id", IdOf(userId, deviceId)))
            .FirstOrDefaultAsync(CancellationToken.None) is { } device ? Read(device) : null;

    public async Task<HashSet<string>> WithAnyAsync(IReadOnlyCollection<string> userIds) =>
        [.. (await Subscriptions.FindInAsync("u", userIds.Select(userId => (BsonValue)userId))).Select(device => device["u"].AsString)];

    public async Task<VapidKeys> KeysAsync(VapidKeys made)
    {
        await collections.Vapid.InsertAbsentAsync([new BsonDocument { { "_id", TheKeys }, { "public", made.PublicKey }, { "private", made.PrivateKey } }]);
        var keys = await collections.Vapid.Find(new BsonDocument("_id", TheKeys)).FirstAsync(CancellationToken.None);
        return new VapidKeys(keys["public"].AsString, keys["private"].AsString);
    }

    private async Task<bool> TryPutAsync(BsonDocument id, BsonDocument device, string endpointHash)
    {
        await Subscriptions.DeleteManyAsync(new BsonDocument { { "hash", endpointHash }, { "_id", new BsonDocument("$ne", id) } }, CancellationToken.None);
        try
        {
            await Subscriptions.UpdateOneAsync(new BsonDocument("_id", id), Documents.Set(device), new UpdateOptions { IsUpsert = true },
                CancellationToken.None);
            return true;
        }
        catch (MongoException exception) when (MongoFaults.IsDuplicateKey(exception))
        {
            return false;
        }
    }

    private static BsonDocument IdOf(string userId, string deviceId) => new() { { "u", userId }, { "d", deviceId } };

    private static PushSubscription Read(BsonDocument device) =>
        new(device["u"].AsString, device["d"].AsString, device["endpoint"].AsString, device["key"].AsString, device["auth"].AsString);
}
