using Google.Protobuf;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Mongo;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>Inboxes on MongoDB: a document for each notification, under its user and event.</summary>
/// <remarks>
/// <para>It is <c>new</c> until all that follows from it is written: a process that dies before that leaves it so, and it is found as one that is still to
/// be made, with the number that it has. What is removed is <c>gone</c> until that is written, too. Numbers of a user are given out by one update each; one
/// may stay unused.</para>
/// <para>The unread ones are counted when somebody asks: a count beside them could be wrong after a failure.</para>
/// </remarks>
internal sealed class MongoInboxRows(NotificationCollections collections, MongoRound round) : IInboxRows
{
    private const int AtOnce = 16;
    private const int PlacesInQuery = 100;
    private const int UsersInQuery = 1_000;
    private const string New = "new";
    private const string Gone = "gone";

    private static readonly FindOneAndUpdateOptions<BsonDocument> Upserted = new() { IsUpsert = true, ReturnDocument = ReturnDocument.After };
    private static readonly BsonDocument Ids = new() { { "u", 1 }, { "n", 1 }, { "r", 1 }, { "read", 1 } };

    private IMongoCollection<BsonDocument> Inbox => collections.Inbox;

    /// <summary>Of a notification, and of what was not told of an event.</summary>
    public static BsonDocument IdOf(string userId, string eventId) => new() { { "u", userId }, { "e", eventId } };

    public async Task<HashSet<(string UserId, string EventId)>> FindKnownAsync(IReadOnlyList<Wanted> wanted) =>
    [
        .. (await Inbox.FindInAsync("_id", wanted.Select(one => (BsonValue)IdOf(one.UserId, one.EventId)))).Where(item => !item.Contains(New))
            .Select(item => (item["u"].AsString, item["e"].AsString)),
    ];

    public async Task<Dictionary<(string UserId, string RoomId), long>> FindReadsAsync(IReadOnlyList<Wanted> wanted) =>
        (await collections.Reads.FindInAsync("_id", wanted.Where(one => one.Item.Seq > 0).Select(one => (BsonValue)PlaceOf(one.UserId, one.Item.RoomId))))
            .ToDictionary(read => (read["u"].AsString, read["r"].AsString), read => read["seq"].AsInt64);

    public async Task<List<Made>> AddAsync(IReadOnlyList<Taken> taken, DateTimeOffset now)
    {
        var stored = await FindAsync(taken);
        var missing = taken.Where(one => !stored.ContainsKey(IdOf(one.Wanted.UserId, one.Wanted.EventId))).ToArray();
        if (missing.Length > 0)
        {
            var numbers = await CountUpAsync(missing);
            await Inbox.InsertAbsentAsync([.. missing.Select(one => DocumentOf(one, ++numbers[one.Wanted.UserId], now))]);
            stored = await FindAsync(taken); // Another process may have been faster.
        }

        var unread = await UnreadAsync(taken.Select(one => one.Wanted.UserId));
        foreach (var item in stored.Values.Where(item => !item["read"].AsBoolean))
        {
            unread[item["u"].AsString]--; // As before: they are counted one by one.
        }

        List<Made> made = [];
        foreach (var (wanted, _, preferences) in taken)
        {
            if (stored.TryGetValue(IdOf(wanted.UserId, wanted.EventId), out var item))
            {
                unread[wanted.UserId] += item["read"].AsBoolean ? 0 : 1;
                made.Add(new Made(wanted.UserId, wanted.EventId, Read(item), (uint)unread[wanted.UserId], preferences));
            }
        }

        var ids = new BsonDocument("_id", Documents.In(stored.Keys));
        round.Last(() => Inbox.UpdateManyAsync(ids, new BsonDocument("$unset", new BsonDocument(New, "")), cancellationToken: CancellationToken.None));
        return made;
    }

    public Task<List<EndedItem>> RemoveOfMessageAsync(string messageId) => RemoveAsync(new BsonDocument("m", messageId));

    public Task<List<EndedItem>> RemoveOfRoomAsync(RoomItems items)
    {
        var filter = Documents.OfRoom(items);
        if (items.UserIds is null)
        {
            filter["seq"].AsBsonDocument.Add("$gt", 0L); // What a server sent about the room is not of its entries.
        }

        return RemoveAsync(filter);
    }

    public Task<List<string>> UsersOfRoomAsync(string roomId) => Inbox.UsersOfRoomAsync(roomId);

    public Task<List<EndedItem>> RemoveOfActorAsync(string actorId, int limit) => RemoveAsync(new BsonDocument("a", actorId), limit);

    public Task<List<EndedItem>> RemoveOlderAsync(DateTimeOffset before, int limit) =>
        RemoveAsync(new BsonDocument("at", Documents.Below(before.ToUnixTimeMilliseconds())), limit);

    public async Task<Dictionary<string, uint>> CountDownAsync(IReadOnlyList<EndedItem> ended) =>
        (await UnreadAsync(ended.Select(item => item.UserId))).ToDictionary(user => user.Key, user => (uint)user.Value, StringComparer.Ordinal);

    public async Task<List<ToldItem>> ListOfEventAsync(string eventId, string messageId)
    {
        var found = await Inbox.Find(EventOf(eventId, messageId)).Project(new BsonDocument { { "u", 1 }, { "kind", 1 }, { "else", 1 } })
            .ToListAsync(CancellationToken.None);
        return found.ConvertAll(item => new ToldItem(item["u"].AsString, item["kind"].AsString, item.TextOf("else")));
    }

    public async Task<List<EndedItem>> RemoveOfEventAsync(string eventId, string messageId, IReadOnlyCollection<string> userIds)
    {
        List<EndedItem> removed = [];
        foreach (var part in userIds.Chunk(UsersInQuery))
        {
            removed.AddRange(await RemoveAsync(EventOf(eventId, messageId).Add("u", Documents.In(part))));
        }

        return removed;
    }

    public async Task SetKindsAsync(string eventId, string messageId, IReadOnlyDictionary<string, string> kinds)
    {
        foreach (var kind in kinds.GroupBy(user => user.Value, user => user.Key, StringComparer.Ordinal))
        {
            foreach (var part in kind.Chunk(UsersInQuery))
            {
                await Inbox.UpdateManyAsync(
                    EventOf(eventId, messageId).Add("u", Documents.In(part)), Documents.Set(new BsonDocument("kind", kind.Key)),
                        cancellationToken: CancellationToken.None);
            }
        }
    }

    public async Task<List<EndedItem>> ReviseAsync(string eventId, string messageId, string body)
    {
        var revised = EventOf(eventId, messageId).Add(Gone, new BsonDocument("$exists", false));
        await Inbox.UpdateManyAsync(revised, Documents.Set(new BsonDocument("body", body)), cancellationToken: CancellationToken.None);
        return (await Inbox.Find(revised).Project(Ids).ToListAsync(CancellationToken.None)).ConvertAll(item => Ended(item, item["read"].AsBoolean));
    }

    public Task<List<EndedItem>> MarkAsync(string userId, IReadOnlyCollection<string> ids, long upToUseq) => MarkAsync(
        new BsonDocument { { "u", userId }, { "read", false } }
            .AddRange(ids.Count > 0 ? new BsonDocument("n", Documents.In(ids)) : new BsonDocument("useq", Documents.UpTo(upToUseq))));

    public async Task<List<EndedItem>> MarkRoomsAsync(IReadOnlyList<RoomRead> reads, int partitions)
    {
        await collections.Reads.UpsertWhenAsync(
        [
            .. reads.Select(read => new UpdateOneModel<BsonDocument>(
                new BsonDocument("_id", PlaceOf(read.UserId, read.RoomId)),
                new BsonDocument
                {
                    { "$max", new BsonDocument("seq", read.Seq) },
                    { "$setOnInsert", new BsonDocument { { "u", read.UserId }, { "r", read.RoomId },
                    { "p", Partitioner.PartitionOf(read.RoomId, partitions) } } },
                })),
        ]);
        List<EndedItem> marked = [];
        foreach (var part in reads.Chunk(PlacesInQuery))
        {
            marked.AddRange(await MarkAsync(new BsonDocument("$or", new BsonArray(part.Select(read => new BsonDocument
            {
                { "u", read.UserId }, { "read", false }, { "r", read.RoomId }, { "seq", Documents.UpTo(read.Seq).Add("$gte", 1L) },
            })))));
        }

        return marked;
    }

    public async Task<List<EndedItem>> MarkThreadAsync(MarkThreadRequest request)
    {
        var unread = new BsonDocument { { "u", request.UserId }, { "read", false }, { "r", request.RoomId },
            { "seq", Documents.UpTo(request.ReadSeq).Add("$gt", 0L) } };
        var found = await Inbox.Find(unread).Project(new BsonDocument("seq", 1)).ToListAsync(CancellationToken.None);
        var replies = await collections.Replies.FindInAsync(
            "_id", found.Select(item => (BsonValue)new BsonDocument { { "r", request.RoomId }, { "q", item["seq"] } }), new BsonDocument("t", request.RootId));
        var seqs = replies.Select(reply => reply["q"]).ToHashSet();
        return seqs.Count == 0 ? [] : await MarkAsync(
            new BsonDocument { { "_id", Documents.In(found.Where(item => seqs.Contains(item["seq"])).Select(item => item["_id"])) }, { "read", false } });
    }

    public async Task<(long LastUseq, uint Unread)> CountAsync(string userId)
    {
        var user = await collections.Users.Find(new BsonDocument("_id", userId)).FirstOrDefaultAsync(CancellationToken.None);
        var unread = await Inbox.CountDocumentsAsync(new BsonDocument { { "u", userId }, { "read", false } }, cancellationToken: CancellationToken.None);
        return (user?.GetValue("last", 0L).ToInt64() ?? 0, (uint)unread);
    }

    public async Task<List<Notification>> PageAsync(string userId, long beforeUseq, bool unreadOnly, int limit)
    {
        var filter = new BsonDocument { { "u", userId }, { "useq", Documents.Below(beforeUseq) }, { Gone, new BsonDocument("$exists", false) } };
        var found = await Inbox.Find(unreadOnly ? filter.Add("read", false) : filter).Sort(new BsonDocument("useq", -1)).Limit(limit)
            .ToListAsync(CancellationToken.None);
        return found.ConvertAll(Read);
    }

    public async Task<Dictionary<string, uint>> CountMentionsAsync(string userId, IReadOnlyCollection<string> roomIds)
    {
        var found = await Inbox.Find(new BsonDocument
        {
            { "u", userId }, { "read", false }, { "r", Documents.In(roomIds) },
            { "kind", Documents.In([NotificationKinds.Mention, NotificationKinds.MentionRoom, NotificationKinds.MentionHere]) },
        }).Project(new BsonDocument("r", 1)).ToListAsync(CancellationToken.None);
        return found.GroupBy(item => item["r"].AsString, StringComparer.Ordinal)
            .ToDictionary(room => room.Key, room => (uint)room.Count(), StringComparer.Ordinal);
    }

    private static BsonDocument EventOf(string eventId, string messageId) => new() { { "m", messageId }, { "e", eventId } };

    private static BsonDocument PlaceOf(string userId, string roomId) => new() { { "u", userId }, { "r", roomId } };

    private async Task<Dictionary<BsonValue, BsonDocument>> FindAsync(IReadOnlyList<Taken> taken) =>
        (await Inbox.FindInAsync("_id", taken.Select(one => (BsonValue)IdOf(one.Wanted.UserId, one.Wanted.EventId)),
            new BsonDocument(Gone, new BsonDocument("$exists", false))))
            .ToDictionary(item => item["_id"]);

    /// <summary>Gives out numbers.</summary>
    /// <returns>By user, the last one before them.</returns>
    private async Task<Dictionary<string, long>> CountUpAsync(IEnumerable<Taken> taken)
    {
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var part in taken.GroupBy(one => one.Wanted.UserId, StringComparer.Ordinal).Chunk(AtOnce))
        {
            var last = await Task.WhenAll(part.Select(user => CountUpAsync(user.Key, user.Count())));
            for (var i = 0; i < part.Length; i++)
            {
                numbers[part[i].Key] = last[i] - part[i].Count();
            }
        }

        return numbers;
    }

    private async Task<long> CountUpAsync(string userId, int count)
    {
        while (true)
        {
            try
            {
                var user = await collections.Users.FindOneAndUpdateAsync(
                    new BsonDocument("_id", userId), new BsonDocument("$inc", new BsonDocument("last", (long)count)), Upserted, CancellationToken.None);
                return user["last"].AsInt64;
            }
            catch (MongoException exception) when (MongoFaults.IsDuplicateKey(exception))
            {
                // Another one has inserted it between the search and the insert: now it is found.
            }
        }
    }

    /// <summary>How many are unread, of each of the users.</summary>
    private async Task<Dictionary<string, long>> UnreadAsync(IEnumerable<string> userIds)
    {
        var unread = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var part in userIds.Distinct(StringComparer.Ordinal).Chunk(UsersInQuery))
        {
            var counts = await Inbox.Aggregate<BsonDocument>(new BsonDocument[]
            {
                new("$match", new BsonDocument { { "u", Documents.In(part) }, { "read", false } }),
                new("$group", new BsonDocument { { "_id", "$u" }, { "count", new BsonDocument("$sum", 1) } }),
            }).ToListAsync(CancellationToken.None);
            foreach (var userId in part)
            {
                unread[userId] = 0;
            }

            foreach (var count in counts)
            {
                unread[count["_id"].AsString] = count["count"].ToInt64();
            }
        }

        return unread;
    }

    private async Task<List<EndedItem>> RemoveAsync(BsonDocument filter, int limit = 0)
    {
        var found = await Inbox.Find(filter).Limit(limit).Project(Ids).ToListAsync(CancellationToken.None);
        if (found.Count > 0)
        {
            var ids = new BsonDocument("_id", Documents.In(found.Select(item => item["_id"])));
            await Inbox.UpdateManyAsync(ids, Documents.Set(new BsonDocument { { "read", true }, { Gone, true } }), cancellationToken: CancellationToken.None);
            round.Last(() => Inbox.DeleteManyAsync(new BsonDocument(ids).Add(Gone, true), CancellationToken.None));
        }

        return found.ConvertAll(item => Ended(item, item["read"].AsBoolean));
    }

    private async Task<List<EndedItem>> MarkAsync(BsonDocument filter)
    {
        var found = await Inbox.Find(filter).Project(Ids).ToListAsync(CancellationToken.None);
        if (found.Count > 0)
        {
            await Inbox.UpdateManyAsync(
                new BsonDocument("_id", Documents.In(found.Select(item => item["_id"]))), Documents.Set(new BsonDocument("read", true)),
                    cancellationToken: CancellationToken.None);
        }

        return found.ConvertAll(item => Ended(item, isRead: false));
    }

    private static EndedItem Ended(BsonDocument item, bool isRead) => new(item["u"].AsString, item["n"].AsString, item["r"].AsString, isRead);

    private static BsonDocument DocumentOf(Taken taken, long useq, DateTimeOffset now)
    {
        var (wanted, item) = (taken.Wanted, taken.Wanted.Item);
        return new BsonDocument
        {
            { "_id", IdOf(wanted.UserId, wanted.EventId) }, { "u", wanted.UserId }, { "e", wanted.EventId }, { "useq", useq },
            { "n", Guid.CreateVersion7(now).ToString() }, { "kind", item.Kind }, { "title", item.Title }, { "body", item.Body }, { "link", item.Link },
            { "sound", taken.Sound }, { "at", item.CreatedAtMs }, { "r", item.RoomId }, { "seq", item.Seq }, { "an", item.Username }, { "read", false },
            { New, true },
        }.AddText("m", item.MessageId).AddText("a", item.UserId).AddText("else", wanted.Otherwise)
            .AddText("rooms", item.Rooms.Count > 0 ? JsonFormatter.Default.Format(new Notification { Rooms = { item.Rooms } }) : "");
    }

    private static Notification Read(BsonDocument item)
    {
        var read = new Notification
        {
            NotificationId = item["n"].AsString, Useq = item["useq"].AsInt64, Kind = item["kind"].AsString, Title = item["title"].AsString,
            Body = item["body"].AsString,
            Link = item["link"].AsString, Sound = item["sound"].AsString, CreatedAtMs = item["at"].AsInt64, RoomId = item["r"].AsString,
            MessageId = item.TextOf("m"),
            UserId = item.TextOf("a"), Username = item["an"].AsString, Read = item["read"].AsBoolean, Seq = item["seq"].AsInt64,
        };
        if (item.TryGetValue("rooms", out var rooms))
        {
            read.Rooms.AddRange(Notification.Parser.ParseJson(rooms.AsString).Rooms);
        }

        return read;
    }
}
