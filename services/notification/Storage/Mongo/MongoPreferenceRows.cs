using Google.Protobuf;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Mongo;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>Preferences and keywords on MongoDB: both in the user's document, so that they change together.</summary>
internal sealed class MongoPreferenceRows(NotificationCollections collections) : IPreferenceRows
{
    private const string Json = "preferences";
    private const string Keywords = "words";

    public async Task<Dictionary<string, NotificationPreferences>> FindAsync(IReadOnlyCollection<string> userIds) =>
        (await collections.Users.FindInAsync("_id", userIds.Select(userId => (BsonValue)userId))).Where(user => user.Contains(Json))
            .ToDictionary(user => user["_id"].AsString, user => PreferenceStore.Parse(user[Json].AsString), StringComparer.Ordinal);

    public Task SaveAsync(string userId, NotificationPreferences preferences, IReadOnlyCollection<string> words)
    {
        var fields = new BsonDocument(Json, JsonFormatter.Default.Format(preferences));
        return collections.Users.UpsertWhenAsync(
        [
            new UpdateOneModel<BsonDocument>(
                new BsonDocument("_id", userId),
                words.Count > 0
                    ? Documents.Set(fields.Add(Keywords, new BsonArray(words)))
                    : Documents.Set(fields).Add("$unset", new BsonDocument(Keywords, ""))),
        ]);
    }

    public async Task<IReadOnlySet<string>> KeywordsInAsync(Func<IReadOnlyCollection<string>> words) =>
        (await KeywordsAsync(words())).Select(word => word.Key).ToHashSet(StringComparer.Ordinal);

    public async Task<ILookup<string, string>> KeywordsAsync(IReadOnlyCollection<string> words)
    {
        var asked = words.ToHashSet(StringComparer.Ordinal);
        var users = asked.Count == 0 ? [] : await collections.Users.FindInAsync(Keywords, asked.Select(word => (BsonValue)word));
        return users.DistinctBy(user => user["_id"].AsString, StringComparer.Ordinal)
            .SelectMany(user => user[Keywords].AsBsonArray.Select(word => (Word: word.AsString, UserId: user["_id"].AsString)))
            .Where(one => asked.Contains(one.Word)).ToLookup(one => one.Word, one => one.UserId, StringComparer.Ordinal);
    }
}

/// <summary>What was not told or not pushed, on MongoDB.</summary>
internal sealed class MongoWithheldRows(NotificationCollections collections, MongoRound round) : IWithheldRows
{
    private const int UsersInQuery = 1_000;

    private long _summedUpTo = long.MaxValue;

    private IMongoCollection<BsonDocument> Withheld => collections.Withheld;

    public Task AddAsync(IReadOnlyList<WithheldRow> rows, DateTimeOffset now) => Withheld.InsertAbsentAsync(
    [
        .. rows.Select(row => new BsonDocument
        {
            { "_id", MongoInboxRows.IdOf(row.UserId, row.EventId) }, { "u", row.UserId }, { "r", row.RoomId }, { "seq", row.Seq }, { "kind", row.Kind },
            { "reason", row.Reason }, { "at", now.ToUnixTimeMilliseconds() }, { "digest", row.Waits ? WithheldItems.Waits : 0 },
        }.AddText("m", row.MessageId).AddText("n", row.NotificationId)),
    ]);

    public Task RemoveOfMessageAsync(string messageId) => Withheld.DeleteManyAsync(new BsonDocument("m", messageId), CancellationToken.None);

    public async Task<List<ToldItem>> ListKeptOutAsync(string eventId, string messageId)
    {
        var kept = await Withheld.Find(new BsonDocument("m", messageId)).ToListAsync(CancellationToken.None);
        return [.. kept.Where(one => !one.Contains("n") && one["_id"]["e"].AsString == eventId)
            .Select(one => new ToldItem(one["u"].AsString, one["kind"].AsString, ""))];
    }

    public async Task RemoveOfEventAsync(string eventId, string messageId, IReadOnlyCollection<string> userIds)
    {
        foreach (var part in userIds.Chunk(UsersInQuery))
        {
            await Withheld.DeleteManyAsync(
                new BsonDocument("_id", Documents.In(part.Select(userId => (BsonValue)MongoInboxRows.IdOf(userId, eventId)))), CancellationToken.None);
        }
    }

    public Task RemoveOfRoomAsync(RoomItems items) => Withheld.DeleteManyAsync(Documents.OfRoom(items), CancellationToken.None);

    public Task<List<string>> UsersOfRoomAsync(string roomId) => Withheld.UsersOfRoomAsync(roomId);

    public async Task<int> RemoveOlderAsync(DateTimeOffset before, int limit)
    {
        var old = await Withheld.Find(new BsonDocument("at", Documents.Below(before.ToUnixTimeMilliseconds()))).Sort(new BsonDocument("at", 1)).Limit(limit)
            .Project(new BsonDocument("_id", 1)).ToListAsync(CancellationToken.None);
        await Withheld.DeleteManyAsync(new BsonDocument("_id", Documents.In(old.Select(one => one["_id"]))), CancellationToken.None);
        return old.Count;
    }

    public async Task<DateTimeOffset?> OldestAsync(string userId) =>
        (await Withheld.Find(Waiting(userId)).Sort(new BsonDocument("at", 1)).Limit(1).FirstOrDefaultAsync(CancellationToken.None))?.TimeOf("at");

    public async Task<List<(string RoomId, string Name, long Count)>> SumUpAsync(string userId)
    {
        var waiting = await Withheld.Find(Waiting(userId)).ToListAsync(CancellationToken.None);
        if (waiting.Count == 0)
        {
            return [];
        }

        _summedUpTo = waiting.Max(one => one["at"].AsInt64);
        var roomIds = waiting.Select(one => one["r"].AsString).Distinct(StringComparer.Ordinal).ToArray();
        var inbox = (await collections.Inbox.FindInAsync("_id", waiting.Select(one => one["_id"]))).ToDictionary(item => item["_id"]);
        var reads = (await collections.Reads.FindInAsync("_id", roomIds.Select(roomId => (BsonValue)new BsonDocument { { "u", userId }, { "r", roomId } })))
            .ToDictionary(read => read["r"].AsString, read => read["seq"].AsInt64, StringComparer.Ordinal);
        var rooms = (await collections.Rooms.FindInAsync("_id", roomIds.Select(roomId => (BsonValue)roomId)))
            .ToDictionary(room => room["_id"].AsString, StringComparer.Ordinal);
        return
        [
            .. waiting.Where(IsUnread).GroupBy(one => one["r"].AsString, StringComparer.Ordinal).Select(room => (room.Key, NameOf(room), room.LongCount()))
                .OrderByDescending(room => room.Item3).ThenBy(room => room.Key, StringComparer.Ordinal),
        ];

        bool IsUnread(BsonDocument one)
        {
            var item = inbox.GetValueOrDefault(one["_id"]);
            return one.Contains("n") ? item is not null && !item["read"].AsBoolean
                : item is null && (one["seq"].AsInt64 == 0 || reads.GetValueOrDefault(one["r"].AsString) < one["seq"].AsInt64);
        }

        string NameOf(IGrouping<string, BsonDocument> room) => !rooms.TryGetValue(room.Key, out var known) ? ""
            : known["kind"].AsString != "direct" ? known["name"].AsString
            : room.Select(one => inbox.GetValueOrDefault(one["_id"])?["an"].AsString ?? "").Max(StringComparer.Ordinal)!;
    }

    public Task ToldAsync(string userId)
    {
        var told = Waiting(userId).Add("at", Documents.UpTo(_summedUpTo)); // What came meanwhile goes on waiting.
        round.Last(() => Withheld.UpdateManyAsync(told, Documents.Set(new BsonDocument("digest", WithheldItems.Told)),
            cancellationToken: CancellationToken.None));
        return Task.CompletedTask;
    }

    private static BsonDocument Waiting(string userId) => new() { { "u", userId }, { "digest", WithheldItems.Waits } };
}
