using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>The notification service's collections and what finds their documents.</summary>
/// <remarks>A key of several parts is a document of them as <c>_id</c>, always in the same order; the parts are beside it where something is found by
/// them.</remarks>
internal sealed class NotificationCollections(MongoConnection connection)
{
    /// <summary>The database.</summary>
    public MongoConnection Connection => connection;

    /// <summary>What is to be done: <see cref="MongoJobRows"/>.</summary>
    public IMongoCollection<BsonDocument> Jobs { get; } = connection.Collection("notification_jobs");

    /// <summary>Notifications: <see cref="MongoInboxRows"/>.</summary>
    public IMongoCollection<BsonDocument> Inbox { get; } = connection.Collection("notification_inbox");

    /// <summary>Notifications that are decided and told later.</summary>
    public IMongoCollection<BsonDocument> Later { get; } = connection.Collection("notification_later");

    /// <summary>A document for each user: the last number that was given out, the preferences and the keywords.</summary>
    public IMongoCollection<BsonDocument> Users { get; } = connection.Collection("notification_users");

    /// <summary>How far users have read rooms.</summary>
    public IMongoCollection<BsonDocument> Reads { get; } = connection.Collection("notification_reads");

    /// <summary>What was not told or not pushed.</summary>
    public IMongoCollection<BsonDocument> Withheld { get; } = connection.Collection("notification_withheld");

    /// <summary>Rooms as their entries have them.</summary>
    public IMongoCollection<BsonDocument> Rooms { get; } = connection.Collection("notification_rooms");

    /// <summary>Members as the entries have them; who is none any more stays without a role.</summary>
    public IMongoCollection<BsonDocument> Members { get; } = connection.Collection("notification_members");

    /// <summary>What users have to do with threads: <c>choice</c> 0 only the mark is known, 1 the user follows it, 2 the user chose not to.</summary>
    public IMongoCollection<BsonDocument> Threads { get; } = connection.Collection("notification_threads");

    /// <summary>The replies of each thread that were not deleted.</summary>
    public IMongoCollection<BsonDocument> Replies { get; } = connection.Collection("notification_replies");

    /// <summary>What users are to be shown, by tag.</summary>
    public IMongoCollection<BsonDocument> Pushes { get; } = connection.Collection("notification_pushes");

    /// <summary>When users were last pushed to.</summary>
    public IMongoCollection<BsonDocument> PushUsers { get; } = connection.Collection("notification_push_users");

    /// <summary>The last pushes of each user.</summary>
    public IMongoCollection<BsonDocument> Pushed { get; } = connection.Collection("notification_pushed");

    /// <summary>What became of them for each device.</summary>
    public IMongoCollection<BsonDocument> Outcomes { get; } = connection.Collection("notification_push_outcomes");

    /// <summary>Devices.</summary>
    public IMongoCollection<BsonDocument> Subscriptions { get; } = connection.Collection("notification_subscriptions");

    /// <summary>One document: the keys that pushes are signed with.</summary>
    public IMongoCollection<BsonDocument> Vapid { get; } = connection.Collection("notification_vapid");

    /// <summary>Webhooks.</summary>
    public IMongoCollection<BsonDocument> Webhooks { get; } = connection.Collection("notification_webhooks");

    /// <summary>What waits for them.</summary>
    public IMongoCollection<BsonDocument> Events { get; } = connection.Collection("notification_webhook_events");

    /// <summary>What they were told of presence.</summary>
    public IMongoCollection<BsonDocument> Presence { get; } = connection.Collection("notification_webhook_presence");

    /// <summary>One document: the replica that decides about presence.</summary>
    public IMongoCollection<BsonDocument> PresenceOwner { get; } = connection.Collection("notification_webhook_presence_owner");

    /// <summary>Since when entries are told under an epoch.</summary>
    public IMongoCollection<BsonDocument> Epochs { get; } = connection.Collection("notification_webhook_epochs");

    /// <summary>Name of the collection of marks.</summary>
    public const string Marks = "notification_marks";

    /// <summary>Makes what is missing of the indexes.</summary>
    public async Task CreateAsync()
    {
        // Where a field is absent from documents that are not to be found by it, the index is sparse.
        await CreateAsync(Jobs, Index(("next", 1), sparse: true), Compound(("failed", 1), ("_id", 1)));
        await CreateAsync(
            Inbox, Compound(("u", 1), ("useq", -1)), Compound(("u", 1), ("n", 1)), Compound(("u", 1), ("read", 1), ("r", 1), ("seq", 1)),
            Index(("m", 1), sparse: true),
            Index(("at", 1)), Compound(("r", 1), ("seq", 1)), Index(("a", 1), sparse: true));
        await CreateAsync(Later, Compound(("p", 1), ("part", 1)), Index(("m", 1)), Compound(("r", 1), ("seq", 1)), Index(("a", 1)));
        await CreateAsync(Users, Index(("words", 1), sparse: true));
        await CreateAsync(Reads, Index(("u", 1)), Index(("p", 1)));
        await CreateAsync(Withheld, Compound(("u", 1), ("digest", 1), ("at", 1)), Index(("m", 1), sparse: true), Compound(("r", 1), ("seq", 1)),
            Index(("at", 1)));
        await CreateAsync(Rooms, Index(("p", 1)));
        await CreateAsync(Members, Compound(("r", 1), ("u", 1)), Compound(("r", 1), ("f", 1)), Index(("u", 1)), Index(("p", 1)));
        await CreateAsync(
            Threads, Compound(("t", 1), ("choice", 1), ("u", 1)), Compound(("t", 1), ("read", 1)), Compound(("u", 1), ("r", 1)), Index(("r", 1)),
            Index(("p", 1)),
            Index(("open", 1), sparse: true));
        await CreateAsync(Replies, Compound(("t", 1), ("q", 1)), Compound(("r", 1), ("q", 1)), Index(("p", 1)));
        await CreateAsync(Pushes, Compound(("u", 1), ("useq", 1)), Compound(("u", 1), ("n", 1)));
        await CreateAsync(Pushed, Compound(("u", 1), ("push", 1)));
        await CreateAsync(Outcomes, Compound(("u", 1), ("push", 1), ("d", 1)));
        await CreateAsync(Subscriptions, Compound(("u", 1), ("at", 1)), MongoWrites.Index(new BsonDocument("hash", 1), unique: true));
        await CreateAsync(Events, MongoWrites.Index(new BsonDocument { { "w", 1 }, { "lane", 1 }, { "pos", 1 } }, unique: true));
        await CreateAsync(Presence, Compound(("s", 1), ("w", 1)), Index(("w", 1)));
    }

    private static CreateIndexModel<BsonDocument> Index((string Field, int Direction) key, bool sparse = false) =>
        MongoWrites.Index(new BsonDocument(key.Field, key.Direction), sparse: sparse);

    private static CreateIndexModel<BsonDocument> Compound(params ReadOnlySpan<(string Field, int Direction)> keys)
    {
        var fields = new BsonDocument();
        foreach (var (field, direction) in keys)
        {
            fields.Add(field, direction);
        }

        return MongoWrites.Index(fields);
    }

    private static Task<IEnumerable<string>> CreateAsync(IMongoCollection<BsonDocument> collection, params CreateIndexModel<BsonDocument>[] indexes) =>
        collection.Indexes.CreateManyAsync(indexes, CancellationToken.None);
}

/// <summary>Parts of filters and updates.</summary>
internal static class Documents
{
    private const int InAtOnce = 1_000;

    public static BsonDocument Set(BsonDocument fields) => new("$set", fields);

    public static BsonDocument In(IEnumerable<BsonValue> values) => new("$in", new BsonArray(values));

    public static BsonDocument In(IEnumerable<string> values) => new("$in", new BsonArray(values));

    public static BsonDocument Below(long number) => new("$lt", number);

    public static BsonDocument UpTo(long number) => new("$lte", number);

    /// <summary>Adds a text that is not empty: by one that is absent nothing is found.</summary>
    public static BsonDocument AddText(this BsonDocument document, string field, string text) => text.Length > 0 ? document.Add(field, text) : document;

    /// <summary>A text that may be absent.</summary>
    public static string TextOf(this BsonDocument document, string field) => document.TryGetValue(field, out var text) ? text.AsString : "";

    /// <summary>Of Unix milliseconds; null when it is absent.</summary>
    public static DateTimeOffset? TimeOf(this BsonDocument document, string field) =>
        document.TryGetValue(field, out var time) ? DateTimeOffset.FromUnixTimeMilliseconds(time.AsInt64) : null;

    /// <summary>A filter for what is about entries of a room.</summary>
    public static BsonDocument OfRoom(RoomItems items)
    {
        var filter = new BsonDocument { { "r", items.RoomId }, { "seq", Below(items.BeforeSeq) } };
        if (items.UserIds is { } userIds)
        {
            filter.Add("u", In(userIds));
        }

        return items.WithoutInvitations ? filter.Add("kind", new BsonDocument("$ne", NotificationKinds.Invitation)) : filter;
    }

    /// <summary>Users of the documents that are about a room, each once.</summary>
    public static async Task<List<string>> UsersOfRoomAsync(this IMongoCollection<BsonDocument> collection, string roomId)
    {
        var found = await collection.Find(new BsonDocument("r", roomId)).Project(new BsonDocument("u", 1)).ToListAsync(CancellationToken.None);
        return [.. found.Select(one => one["u"].AsString).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>All documents whose field has one of the values, of which there may be many.</summary>
    public static async Task<List<BsonDocument>> FindInAsync(
        this IMongoCollection<BsonDocument> collection, string field, IEnumerable<BsonValue> values, BsonDocument? also = null)
    {
        List<BsonDocument> found = [];
        foreach (var part in values.Distinct().Chunk(InAtOnce))
        {
            var filter = new BsonDocument(field, In(part));
            found.AddRange(await collection.Find(also is null ? filter : filter.AddRange(also)).ToListAsync(CancellationToken.None));
        }

        return found;
    }
}
