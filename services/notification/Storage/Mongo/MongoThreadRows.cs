using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Mongo;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>Threads on MongoDB. Marks move up only, and a reply is there once: a round that is done again makes nothing else of them.</summary>
internal sealed class MongoThreadRows(NotificationCollections collections) : IThreadRows
{
    private const int OnlyMark = 0;
    private const int Follows = 1;
    private const int Refuses = 2;
    private const int AtOnce = 16;
    private const int RootsInQuery = 1_000;
    private const string Unanswered = "open";

    private IMongoCollection<BsonDocument> Threads => collections.Threads;

    private IMongoCollection<BsonDocument> Replies => collections.Replies;

    public async Task AddReplyAsync(string roomId, int partition, long seq, string rootId, string userId, long createdAtMs)
    {
        await Replies.InsertAbsentAsync(
        [
            new BsonDocument
            {
                { "_id", ReplyOf(roomId, seq) }, { "r", roomId }, { "q", seq }, { "t", rootId }, { "u", userId }, { "p", partition }, { "at", createdAtMs },
            },
        ]);
        await Threads.UpdateManyAsync(
            new BsonDocument { { "t", rootId }, { Unanswered, new BsonDocument("$exists", true) } },
            new BsonDocument("$unset", new BsonDocument(Unanswered, "")),
            cancellationToken: CancellationToken.None);
    }

    public async Task<string?> RootOfAsync(string roomId, long seq) =>
        (await Replies.Find(new BsonDocument("_id", ReplyOf(roomId, seq))).FirstOrDefaultAsync(CancellationToken.None))?["t"].AsString;

    public async Task FollowAsync(string roomId, int partition, string rootId, IReadOnlyCollection<string> userIds, long readSeq, bool again, long atMs)
    {
        var isAnswered = await Replies.Find(new BsonDocument("t", rootId)).AnyAsync(CancellationToken.None);
        var choice = new BsonDocument("choice", Follows);
        await Threads.UpsertWhenAsync(
        [
            .. userIds.Select(userId =>
            {
                var insert = new BsonDocument { { "t", rootId }, { "u", userId }, { "r", roomId }, { "p", partition } };
                insert = isAnswered ? insert : insert.Add(Unanswered, atMs);
                var update = new BsonDocument("$max", new BsonDocument("read", readSeq));
                return new UpdateOneModel<BsonDocument>(
                    new BsonDocument("_id", IdOf(rootId, userId)),
                    again ? update.Add("$setOnInsert", insert).AddRange(Documents.Set(choice)) : update.Add("$setOnInsert", insert.AddRange(choice)));
            }),
        ]);
        if (!again)
        {
            await Threads.UpdateManyAsync(
                new BsonDocument { { "_id", Documents.In(userIds.Select(userId => (BsonValue)IdOf(rootId, userId))) }, { "choice", OnlyMark } },
                Documents.Set(choice),
                cancellationToken: CancellationToken.None);
        }
    }

    public async Task<List<string>> FollowersAsync(string rootId, int limit)
    {
        var found = await Threads.Find(new BsonDocument { { "t", rootId }, { "choice", Follows } }).Sort(new BsonDocument("u", 1)).Limit(limit)
            .Project(new BsonDocument("u", 1)).ToListAsync(CancellationToken.None);
        return found.ConvertAll(one => one["u"].AsString);
    }

    public async Task<HashSet<string>> ReadersAsync(string rootId, long seq)
    {
        var found = await Threads.Find(new BsonDocument { { "t", rootId }, { "read", new BsonDocument("$gte", seq) } }).Project(new BsonDocument("u", 1))
            .ToListAsync(CancellationToken.None);
        return [.. found.Select(one => one["u"].AsString)];
    }

    public async Task RemoveAsync(string roomId, long seq, string messageId)
    {
        await Replies.DeleteOneAsync(new BsonDocument("_id", ReplyOf(roomId, seq)), CancellationToken.None);
        if (!await Replies.Find(new BsonDocument("t", messageId)).AnyAsync(CancellationToken.None))
        {
            await Threads.DeleteManyAsync(new BsonDocument("t", messageId), CancellationToken.None);
        }
    }

    public async Task TrimAsync(string roomId, long firstSeq)
    {
        await Replies.DeleteManyAsync(new BsonDocument { { "r", roomId }, { "q", Documents.Below(firstSeq) } }, CancellationToken.None);
        var read = new BsonDocument { { "r", roomId }, { "read", Documents.Below(firstSeq) } };
        var roots = (await Threads.Find(read).Project(new BsonDocument("t", 1)).ToListAsync(CancellationToken.None)).Select(thread => thread["t"])
            .Distinct().ToArray();
        var answered = (await Replies.FindInAsync("t", roots)).Select(reply => reply["t"]).ToHashSet();
        foreach (var part in roots.Where(root => !answered.Contains(root)).Chunk(RootsInQuery))
        {
            await Threads.DeleteManyAsync(new BsonDocument(read).Add("t", Documents.In(part)), CancellationToken.None);
        }
    }

    public async Task<int> RemoveUnansweredAsync(DateTimeOffset before, int limit)
    {
        var old = await Threads.Find(new BsonDocument(Unanswered, Documents.Below(before.ToUnixTimeMilliseconds())))
            .Sort(new BsonDocument(Unanswered, 1)).Limit(limit)
            .Project(new BsonDocument("_id", 1)).ToListAsync(CancellationToken.None);
        await Threads.DeleteManyAsync(new BsonDocument("_id", Documents.In(old.Select(one => one["_id"]))), CancellationToken.None);
        return old.Count;
    }

    public Task RemoveUsersAsync(string roomId, IReadOnlyCollection<string> userIds) =>
        Threads.DeleteManyAsync(new BsonDocument { { "u", Documents.In(userIds) }, { "r", roomId } }, CancellationToken.None);

    public Task<List<string>> UsersOfRoomAsync(string roomId) => Threads.UsersOfRoomAsync(roomId);

    public async Task RemoveRoomAsync(string roomId)
    {
        await Threads.DeleteManyAsync(new BsonDocument("r", roomId), CancellationToken.None);
        await Replies.DeleteManyAsync(new BsonDocument("r", roomId), CancellationToken.None);
    }

    public async Task<bool> MarkAsync(MarkThreadRequest request, int partition)
    {
        var id = IdOf(request.RootId, request.UserId);
        int? choice = request.HasFollowing ? request.Following ? Follows : Refuses : null;
        var thread = new BsonDocument
        {
            { "_id", id }, { "t", request.RootId }, { "u", request.UserId }, { "r", request.RoomId }, { "p", partition }, { "choice", choice ?? OnlyMark },
            { "read", request.ReadSeq },
        };
        if ((await Threads.InsertAbsentAsync([thread])).Count == 0)
        {
            return true;
        }

        var isOther = new BsonArray { new BsonDocument("read", Documents.Below(request.ReadSeq)) };
        var update = new BsonDocument("$max", new BsonDocument("read", request.ReadSeq));
        if (choice is { } chosen)
        {
            isOther.Add(new BsonDocument("choice", new BsonDocument("$ne", chosen)));
            update.AddRange(Documents.Set(new BsonDocument("choice", chosen)));
        }

        var updated = await Threads.UpdateOneAsync(new BsonDocument { { "_id", id }, { "$or", isOther } }, update, cancellationToken: CancellationToken.None);
        return updated.MatchedCount > 0;
    }

    public async Task<ThreadUnread?> FindAsync(string rootId, string userId, int maxUnread)
    {
        var thread = await Threads.Find(new BsonDocument("_id", IdOf(rootId, userId))).FirstOrDefaultAsync(CancellationToken.None);
        return thread is null ? null : await ReadAsync(thread, (await LastAsync([rootId])).GetValueOrDefault(rootId).Seq, maxUnread);
    }

    public async Task<List<ThreadUnread>> ListAsync(string userId, bool unreadOnly, long beforeMs, string beforeRoot, int limit, int maxUnread)
    {
        var followed = await Threads.Find(new BsonDocument { { "u", userId }, { "choice", Follows } }).ToListAsync(CancellationToken.None);
        var last = await LastAsync(followed.Select(thread => thread["t"].AsString));
        var rooms = (await collections.Members.FindInAsync(
                "_id", followed.Select(thread => (BsonValue)new BsonDocument { { "r", thread["r"] }, { "u", userId } }),
                    new BsonDocument("role", new BsonDocument("$gt", ""))))
            .Select(member => member["r"].AsString).ToHashSet(StringComparer.Ordinal);
        var answered = followed.Where(thread => rooms.Contains(thread["r"].AsString) && last.ContainsKey(thread["t"].AsString))
            .Select(thread => (Thread: thread, Root: thread["t"].AsString, last[thread["t"].AsString].AtMs))
            .Where(thread => thread.AtMs < beforeMs || (thread.AtMs == beforeMs && string.CompareOrdinal(thread.Root, beforeRoot) < 0))
            .OrderByDescending(thread => thread.AtMs).ThenByDescending(thread => thread.Root, StringComparer.Ordinal);
        List<ThreadUnread> page = [];
        foreach (var part in answered.Chunk(AtOnce))
        {
            var read = await Task.WhenAll(part.Select(async thread =>
            {
                var unread = await ReadAsync(thread.Thread, last[thread.Root].Seq, maxUnread);
                unread.LastReplyAtMs = thread.AtMs;
                return unread;
            }));
            page.AddRange(read.Where(thread => !unreadOnly || thread.Unread > 0));
            if (page.Count >= limit)
            {
                return page[..limit];
            }
        }

        return page;
    }

    /// <summary>Where threads end; those without replies are absent.</summary>
    private async Task<Dictionary<string, (long Seq, long AtMs)>> LastAsync(IEnumerable<string> rootIds)
    {
        var last = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        foreach (var part in rootIds.Distinct(StringComparer.Ordinal).Chunk(AtOnce))
        {
            var found = await Task.WhenAll(part.Select(rootId =>
                Replies.Find(new BsonDocument("t", rootId)).Sort(new BsonDocument("q", -1)).Limit(1).FirstOrDefaultAsync(CancellationToken.None)));
            foreach (var reply in found.Where(reply => reply is not null))
            {
                last[reply["t"].AsString] = (reply["q"].AsInt64, reply["at"].AsInt64);
            }
        }

        return last;
    }

    private async Task<ThreadUnread> ReadAsync(BsonDocument thread, long lastSeq, int maxUnread)
    {
        var readSeq = thread["read"].AsInt64;
        var unread = await Replies.CountDocumentsAsync(
            new BsonDocument { { "t", thread["t"] }, { "q", new BsonDocument("$gt", readSeq) }, { "u", new BsonDocument("$ne", thread["u"]) } },
            new CountOptions { Limit = maxUnread }, CancellationToken.None);
        return new ThreadUnread
        {
            RoomId = thread["r"].AsString, RootId = thread["t"].AsString, Following = thread["choice"].AsInt32 == Follows, ReadSeq = readSeq,
            LastSeq = Math.Max(readSeq, lastSeq), Unread = (uint)unread,
        };
    }

    private static BsonDocument IdOf(string rootId, string userId) => new() { { "t", rootId }, { "u", userId } };

    private static BsonDocument ReplyOf(string roomId, long seq) => new() { { "r", roomId }, { "q", seq } };
}
