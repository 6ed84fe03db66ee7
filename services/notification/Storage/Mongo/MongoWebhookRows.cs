using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;
using Tertulia.Notifications.Webhooks;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>Webhooks on MongoDB. An event waits for a webhook once; its position in the lane is taken by the insert itself.</summary>
/// <remarks>What a webhook is told of presence is written down with the event's id before the event waits, and counts when it does: decided again, it is the
/// same event.</remarks>
internal sealed class MongoWebhookRows(NotificationCollections collections, MongoRound round) : IWebhookRows
{
    private const int TheOwner = 1;

    private IMongoCollection<BsonDocument> Webhooks => collections.Webhooks;

    private IMongoCollection<BsonDocument> Events => collections.Events;

    private IMongoCollection<BsonDocument> Presence => collections.Presence;

    public async Task<List<Webhook>> ListAsync() =>
        (await Webhooks.Find(new BsonDocument()).Sort(new BsonDocument("_id", 1)).ToListAsync(CancellationToken.None)).ConvertAll(Read);

    public async Task<Webhook?> FindAsync(string id) => await Webhooks.Find(new BsonDocument("_id", id))
        .FirstOrDefaultAsync(CancellationToken.None) is { } webhook ? Read(webhook) : null;

    public Task PutAsync(WebhookEndpoint endpoint, bool isConfigured, DateTimeOffset now) => Webhooks.UpsertWhenAsync(
    [
        new UpdateOneModel<BsonDocument>(
            new BsonDocument("_id", endpoint.Id),
            Documents.Set(new BsonDocument
            {
                { "url", endpoint.Url }, { "secret", endpoint.Secret }, { "events", new BsonArray(endpoint.Events) },
                { "rooms", new BsonArray(endpoint.Rooms) },
                { "configured", isConfigured },
            }).Add("$setOnInsert", new BsonDocument("created", now.ToUnixTimeMilliseconds()))),
    ]);

    public async Task<bool> RemoveAsync(string id)
    {
        await Events.DeleteManyAsync(new BsonDocument("w", id), CancellationToken.None);
        await Presence.DeleteManyAsync(new BsonDocument("w", id), CancellationToken.None);
        return (await Webhooks.DeleteOneAsync(new BsonDocument("_id", id), CancellationToken.None)).DeletedCount > 0;
    }

    public async Task<List<string>?> EnableAsync(string id)
    {
        var enabled = await Webhooks.UpdateOneAsync(
            new BsonDocument("_id", id), new BsonDocument("$unset", new BsonDocument { { "disabled", "" }, { "failing", "" }, { "error", "" } }),
            cancellationToken: CancellationToken.None);
        if (enabled.MatchedCount == 0)
        {
            return null;
        }

        await Events.UpdateManyAsync(new BsonDocument("w", id), Documents.Set(new BsonDocument("before", 0L)), cancellationToken: CancellationToken.None);
        return await LanesAsync(id);
    }

    public Task DisableAsync(string id, string error, DateTimeOffset now) => Webhooks.UpdateOneAsync(
        new BsonDocument("_id", id), Documents.Set(new BsonDocument { { "disabled", now.ToUnixTimeMilliseconds() }, { "error", error } }),
            cancellationToken: CancellationToken.None);

    public Task SucceededAsync(string id, DateTimeOffset now) => Webhooks.UpdateOneAsync(
        new BsonDocument("_id", id),
        Documents.Set(new BsonDocument("succeeded", now.ToUnixTimeMilliseconds())).Add("$unset", new BsonDocument { { "failing", "" }, { "error", "" } }),
        cancellationToken: CancellationToken.None);

    public async Task FailedAsync(string id, string lane, WaitingEvent refused, DateTimeOffset notBefore, string error, DateTimeOffset now)
    {
        await Events.UpdateOneAsync(
            new BsonDocument("_id", IdOf(id, refused.EventId)),
            Documents.Set(new BsonDocument("before", notBefore.ToUnixTimeMilliseconds()))
                .Add("$inc", new BsonDocument("attempts", 1)), cancellationToken: CancellationToken.None);
        await Webhooks.UpdateOneAsync(
            new BsonDocument { { "_id", id }, { "failing", new BsonDocument("$exists", false) } },
            Documents.Set(new BsonDocument("failing", now.ToUnixTimeMilliseconds())),
            cancellationToken: CancellationToken.None);
        await Webhooks.UpdateOneAsync(new BsonDocument("_id", id), Documents.Set(new BsonDocument("error", error)), cancellationToken: CancellationToken.None);
    }

    public async Task AddEventsAsync(string id, IReadOnlyCollection<WebhookEvent> events, DateTimeOffset now)
    {
        foreach (var lane in events.GroupBy(one => one.Lane, StringComparer.Ordinal))
        {
            while (await MissingAsync(id, lane) is { Count: > 0 } missing && !await TryAddAsync(id, lane.Key, missing, now))
            {
                // Another replica added to the lane at the same time.
            }
        }
    }

    public Task RemoveEventAsync(string id, string lane, WaitingEvent one) =>
        Events.DeleteOneAsync(new BsonDocument("_id", IdOf(id, one.EventId)), CancellationToken.None);

    public async Task<List<WaitingEvent>> WaitingAsync(string id, string lane, int limit)
    {
        var waiting = await Events.Find(new BsonDocument { { "w", id }, { "lane", lane } }).Sort(new BsonDocument("pos", 1)).Limit(limit)
            .ToListAsync(CancellationToken.None);
        return waiting.ConvertAll(one => new WaitingEvent(
            one["pos"].AsInt64, one["_id"]["e"].AsString, one["body"].AsString, one.TimeOf("at")!.Value, one["attempts"].AsInt32, one.TimeOf("before")!.Value));
    }

    public async Task<List<string>> LanesAsync(string id)
    {
        using var lanes = await Events.DistinctAsync<string>("lane", new BsonDocument("w", id), cancellationToken: CancellationToken.None);
        return [.. (await lanes.ToListAsync(CancellationToken.None)).Order(StringComparer.Ordinal)];
    }

    public Task<long> CountWaitingAsync(string id) => Events.CountDocumentsAsync(new BsonDocument("w", id), cancellationToken: CancellationToken.None);

    public async Task<List<PresenceNews>> SetPresenceAsync(string id, IReadOnlyCollection<PresenceSubject> subjects, bool isPresent, DateTimeOffset now)
    {
        var ids = subjects.ToDictionary(one => (BsonValue)new BsonDocument { { "w", id }, { "s", one.Key } });
        if (isPresent)
        {
            await Presence.InsertAbsentAsync([.. ids.Select(one => new BsonDocument
            {
                { "_id", one.Key }, { "w", id }, { "s", one.Value.Key }, { "on", true }, { "e", Guid.CreateVersion7(now).ToString() }, { "told", false },
            })]);
        }

        List<PresenceNews> news = [];
        foreach (var known in await Presence.FindInAsync("_id", ids.Keys))
        {
            var (one, wasOn) = (ids[known["_id"]], known["on"].AsBoolean);
            if (!known["told"].AsBoolean)
            {
                news.Add(new PresenceNews(one, wasOn, known["e"].AsString)); // Of this round, or of one that did not come to its end.
            }

            if (wasOn != isPresent)
            {
                var eventId = Guid.CreateVersion7(now).ToString();
                var changed = await Presence.UpdateOneAsync(
                    new BsonDocument { { "_id", known["_id"] }, { "e", known["e"] } },
                    Documents.Set(new BsonDocument { { "on", isPresent }, { "e", eventId }, { "told", false } }), cancellationToken: CancellationToken.None);
                if (changed.MatchedCount > 0)
                {
                    news.Add(new PresenceNews(one, isPresent, eventId));
                }
            }
        }

        var told = new BsonDocument { { "_id", Documents.In(ids.Keys) }, { "on", isPresent }, { "e", Documents.In(news.Select(one => one.EventId)) } };
        round.Last(() => isPresent
            ? Presence.UpdateManyAsync(told, Documents.Set(new BsonDocument("told", true)), cancellationToken: CancellationToken.None)
            : Presence.DeleteManyAsync(told, CancellationToken.None));
        return news;
    }

    public async Task<List<PresenceSubject>> ToldPresentAsync(string after, int limit)
    {
        var subjects = await Presence.Aggregate<BsonDocument>(new BsonDocument[]
        {
            new("$match", new BsonDocument("s", new BsonDocument("$gt", after))), new("$group", new BsonDocument("_id", "$s")),
            new("$sort", new BsonDocument("_id", 1)), new("$limit", limit),
        }).ToListAsync(CancellationToken.None);
        return subjects.ConvertAll(one => PresenceSubject.Parse(one["_id"].AsString));
    }

    public Task SetPresenceOwnerAsync(string owner) => collections.PresenceOwner.UpsertWhenAsync(
        [new UpdateOneModel<BsonDocument>(new BsonDocument("_id", TheOwner), Documents.Set(new BsonDocument("owner", owner)))]);

    public Task<bool> IsPresenceOwnerAsync(string owner) =>
        collections.PresenceOwner.Find(new BsonDocument { { "_id", TheOwner }, { "owner", owner } }).AnyAsync(CancellationToken.None);

    public Task AddEpochAsync(int partition, string epoch, long sinceMs) =>
        collections.Epochs.InsertAbsentAsync([new BsonDocument { { "_id", EpochOf(partition, epoch) }, { "since", sinceMs } }]);

    public async Task<long> EpochSinceAsync(int partition, string epoch) =>
        (await collections.Epochs.Find(new BsonDocument("_id", EpochOf(partition, epoch)))
            .FirstOrDefaultAsync(CancellationToken.None))?["since"].AsInt64 ?? long.MinValue;

    public async Task<List<StoredEvent>> ListEventsAsync(StoredEvent? after, int limit)
    {
        var filter = after is null ? new BsonDocument() : new BsonDocument("$or", new BsonArray
        {
            new BsonDocument("w", new BsonDocument("$gt", after.WebhookId)),
            new BsonDocument { { "w", after.WebhookId }, { "lane", new BsonDocument("$gt", after.Lane) } },
            new BsonDocument { { "w", after.WebhookId }, { "lane", after.Lane }, { "pos", new BsonDocument("$gt", after.Position) } },
        });
        var found = await Events.Find(filter).Sort(new BsonDocument { { "w", 1 }, { "lane", 1 }, { "pos", 1 } }).Limit(limit)
            .ToListAsync(CancellationToken.None);
        return found.ConvertAll(one => new StoredEvent(one["w"].AsString, one["lane"].AsString, one["pos"].AsInt64, one["body"].AsString));
    }

    public Task SetBodyAsync(StoredEvent one, string body) => Events.UpdateOneAsync(
        new BsonDocument { { "w", one.WebhookId }, { "lane", one.Lane }, { "pos", one.Position } }, Documents.Set(new BsonDocument("body", body)),
        cancellationToken: CancellationToken.None);

    private async Task<List<WebhookEvent>> MissingAsync(string id, IEnumerable<WebhookEvent> events)
    {
        var known = (await Events.FindInAsync("_id", events.Select(one => (BsonValue)IdOf(id, one.Id)))).Select(one => one["_id"]["e"].AsString)
            .ToHashSet(StringComparer.Ordinal);
        return [.. events.Where(one => !known.Contains(one.Id))];
    }

    /// <returns>False when a position was taken meanwhile: those before it are added.</returns>
    private async Task<bool> TryAddAsync(string id, string lane, List<WebhookEvent> events, DateTimeOffset now)
    {
        var last = await Events.Find(new BsonDocument { { "w", id }, { "lane", lane } }).Sort(new BsonDocument("pos", -1)).Limit(1)
            .FirstOrDefaultAsync(CancellationToken.None);
        var position = last?["pos"].AsInt64 ?? 0;
        try
        {
            await Events.InsertManyAsync(
                events.ConvertAll(one => new BsonDocument
                {
                    { "_id", IdOf(id, one.Id) }, { "w", id }, { "lane", lane }, { "pos", ++position }, { "body", one.Body },
                    { "at", now.ToUnixTimeMilliseconds() },
                    { "attempts", 0 }, { "before", 0L },
                }),
                new InsertManyOptions { IsOrdered = true }, CancellationToken.None);
            return true;
        }
        catch (MongoBulkWriteException exception) when (MongoFaults.IsDuplicateKey(exception))
        {
            return false;
        }
    }

    private static BsonDocument IdOf(string webhookId, string eventId) => new() { { "w", webhookId }, { "e", eventId } };

    private static BsonDocument EpochOf(int partition, string epoch) => new() { { "p", partition }, { "epoch", epoch } };

    private static Webhook Read(BsonDocument webhook) => new(
        webhook["_id"].AsString, webhook["url"].AsString, webhook["secret"].AsString, List(webhook["events"]), List(webhook["rooms"]),
        webhook["configured"].AsBoolean,
        webhook.TimeOf("created")!.Value, webhook.TimeOf("succeeded"), webhook.TimeOf("failing"), webhook.TimeOf("disabled"), webhook.TextOf("error"));

    private static string[] List(BsonValue list) => [.. list.AsBsonArray.Select(one => one.AsString)];
}
