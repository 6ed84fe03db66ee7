using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Mongo;

namespace Tertulia.Messages.Searching.Mongo;

/// <summary>The index on MongoDB: a document for each message with its words, folded as everywhere (<see cref="FoldedText"/>), and an index over them.</summary>
/// <remarks>
/// <para>Not MongoDB's own text index: that one has stems and stop words, knows no prefixes, and finds phrases in what is stored, accents included.</para>
/// <para>There is no transaction: documents are written, then the mark. Each document says by which place of the feed it is what it is, and nothing
/// older replaces it; a message that is gone leaves an empty document for a day, so that no follower that was left behind brings it back.</para>
/// </remarks>
/// <param name="connection">Of the message store's database; not the index's own.</param>
internal sealed class MongoSearchIndex(MongoConnection connection) : ISearchIndex
{
    private const int Version = 1;
    private const int MaxResults = 1_000;
    private const string Room = "r";
    private const string Seq = "s";
    private const string Place = "p";
    private const string MessageId = "id";
    private const string User = "u";
    private const string UserName = "un";
    private const string Words = "w";
    private const string Text = "t"; // The words in their order, each between spaces.
    private const string Link = "link";
    private const string Order = "o";
    private const string GoneAt = "gone";

    private readonly IMongoCollection<BsonDocument> _documents = connection.Collection("search_documents");
    private readonly IMongoCollection<BsonDocument> _meta = connection.Collection("search_meta");
    private readonly MongoFeedMarks _marks = new(connection, "search_marks", "search");

    public Task InitializeAsync(CancellationToken cancellationToken) => MongoConnection.TryForAsLongAsItTakesAsync(async () =>
    {
        var version = new BsonDocument { { "_id", "version" }, { "value", Version } };
        if (await _meta.Find(version).FirstOrDefaultAsync(CancellationToken.None) is null)
        {
            await ClearAllAsync();
            await _meta.ReplaceOneAsync(new BsonDocument("_id", "version"), version, new ReplaceOptions { IsUpsert = true }, CancellationToken.None);
        }

        await _documents.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument(Place, 1), unique: true),
                MongoWrites.Index(new BsonDocument { { Words, 1 }, { Place, -1 } }),
                MongoWrites.Index(new BsonDocument { { Room, 1 }, { Place, -1 } }),
                MongoWrites.Index(new BsonDocument { { User, 1 }, { Place, -1 } }),
                new CreateIndexModel<BsonDocument>(new BsonDocument(GoneAt, 1), new CreateIndexOptions { ExpireAfter = TimeSpan.FromDays(1) }),
            ],
            CancellationToken.None);
        return true;
    }).WaitAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => connection.PingAsync(cancellationToken);

    public Task<FeedMark> ReadMarkAsync(int partition, CancellationToken cancellationToken) =>
        connection.TryAsync(() => _marks.ReadAsync(partition), cancellationToken);

    public async Task<FeedOutcome[]> WriteAsync(IReadOnlyList<SearchPage> pages, CancellationToken cancellationToken)
    {
        var outcomes = new FeedOutcome[pages.Count];
        if (pages.All(page => page.Batch.MayWait && page.Changes.IsEmpty))
        {
            Array.Fill(outcomes, FeedOutcome.Nothing);
            return outcomes;
        }

        return await connection.TryAsync(() => Task.WhenAll(pages.Select(WriteAsync)), cancellationToken);
    }

    public Task<List<SearchHit>> FindAsync(
        SearchQuery query, IReadOnlyCollection<string>? roomIds, SearchRange range, int limit, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        var conditions = new BsonArray { new BsonDocument(GoneAt, new BsonDocument("$exists", false)) };
        Add(Place, new BsonDocument("$lt", Math.Min(range.Place, query.BeforeMs is { } before ? SearchPlaces.FirstOf(before) : long.MaxValue)));
        if (range.Seq < long.MaxValue)
        {
            Add(Seq, new BsonDocument("$lt", range.Seq));
        }

        if (query.FromMs is { } from)
        {
            Add(Place, new BsonDocument("$gte", SearchPlaces.FirstOf(from)));
        }

        if (query.From is { } user)
        {
            Add("$or", new BsonArray { new BsonDocument(User, user), new BsonDocument(UserName, SearchFollower.NameOf(user)) });
        }

        if (query.HasLink)
        {
            Add(Link, true);
        }

        if (roomIds is not null)
        {
            Add(Room, new BsonDocument("$in", new BsonArray(roomIds)));
        }

        foreach (var term in query.Terms)
        {
            AddTerm(term);
        }

        var found = await _documents.Find(new BsonDocument("$and", conditions)).Sort(new BsonDocument(Place, -1)).Limit(Math.Min(limit, MaxResults))
            .Project(new BsonDocument { { Place, 1 }, { Room, 1 }, { MessageId, 1 } }).ToListAsync(CancellationToken.None);
        return found.ConvertAll(document => new SearchHit(document[Place].AsInt64, document[Room].AsString, document[MessageId].AsString));

        void Add(string field, BsonValue condition) => conditions.Add(new BsonDocument(field, condition));

        // Words are letters and digits: nothing of them means anything in a pattern.
        void AddTerm(SearchTerm term)
        {
            foreach (var word in term.IsPrefix ? term.Words.SkipLast(1) : term.Words)
            {
                Add(Words, word);
            }

            if (term.IsPrefix)
            {
                Add(Words, new BsonRegularExpression($"^{term.Words[^1]}"));
            }

            if (term.Words.Count > 1)
            {
                Add(Text, new BsonRegularExpression($" {string.Join(' ', term.Words)}{(term.IsPrefix ? "" : " ")}"));
            }
        }
    }, cancellationToken);

    public Task ForgetNameAsync(string roomId, string userId, long afterSeq, long toSeq, CancellationToken cancellationToken) => connection.TryAsync(
        () => _documents.UpdateManyAsync(
            new BsonDocument { { Room, roomId }, { User, userId }, { Seq, new BsonDocument { { "$gt", afterSeq }, { "$lte", toSeq } } } },
            new BsonDocument("$set", new BsonDocument(UserName, "")), cancellationToken: CancellationToken.None),
        cancellationToken);

    public Task ClearAsync(CancellationToken cancellationToken) => MongoConnection.TryForAsLongAsItTakesAsync(async () =>
    {
        await ClearAllAsync();
        return true;
    }).WaitAsync(cancellationToken);

    public Task ForgetAsync(string roomId, long beforeSeq, CancellationToken cancellationToken) =>
        connection.TryAsync(() => ForgetAsync(roomId, beforeSeq), cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<FeedOutcome> WriteAsync(SearchPage page)
    {
        if (await _marks.ReadAsync(page.Batch.Partition) != page.Batch.From)
        {
            return FeedOutcome.Lost;
        }

        var (changes, order) = (page.Changes, MongoFeedMarks.OrderOf(page.Batch.To));
        await AddAsync(changes.Added, order);
        UpdateOneModel<BsonDocument>[] updates =
        [
            .. changes.Edited.Select(edit => new UpdateOneModel<BsonDocument>(
                Older(IdOf(edit.RoomId, edit.Seq), order).Add(GoneAt, new BsonDocument("$exists", false)),
                new BsonDocument("$set", Said(edit.Words, edit.HasLink).Add(Order, order)))),
            .. changes.Removed.Select(removed => new UpdateOneModel<BsonDocument>(
                Older(IdOf(removed.RoomId, removed.Seq), order),
                new BsonDocument("$set", Said([], hasLink: false).Add(Order, order).Add(GoneAt, DateTime.UtcNow)))),
        ];
        if (updates.Length > 0)
        {
            await _documents.BulkWriteAsync(updates, new BulkWriteOptions { IsOrdered = false }, CancellationToken.None);
        }

        foreach (var (roomId, firstSeq) in changes.Trimmed)
        {
            await ForgetAsync(roomId, firstSeq);
        }

        return await _marks.MoveAsync(page.Batch) ? FeedOutcome.Stored : FeedOutcome.Lost;
    }

    private Task<DeleteResult> ForgetAsync(string roomId, long beforeSeq) => _documents.DeleteManyAsync(
        new BsonDocument { { Room, roomId }, { Seq, new BsonDocument("$lt", beforeSeq) } }, CancellationToken.None);

    private async Task ClearAllAsync()
    {
        await _marks.ClearAsync();
        await _documents.DeleteManyAsync(new BsonDocument(), CancellationToken.None);
    }

    // What is there and older is taken out first: a feed that is followed again brings it again, and another message in its place after the store went back.
    private async Task AddAsync(IReadOnlyCollection<SearchDocument> added, string order)
    {
        if (added.Count == 0)
        {
            return;
        }

        await _documents.DeleteManyAsync(
            new BsonDocument { { "_id", new BsonDocument("$in", new BsonArray(added.Select(one => IdOf(one.RoomId, one.Seq)))) }, { Order, new BsonDocument("$lt", order) } },
            CancellationToken.None);
        var waiting = added.Select(one => Said(one.Words, one.HasLink).AddRange(new BsonDocument
        {
            { "_id", IdOf(one.RoomId, one.Seq) }, { Room, one.RoomId }, { Seq, one.Seq }, { Place, SearchPlaces.Of(one) }, { MessageId, one.MessageId },
            { User, one.UserId }, { UserName, one.UserName }, { Order, order },
        })).ToList();
        while (waiting.Count > 0)
        {
            var refused = (await _documents.InsertAbsentAsync(waiting)).Select(index => waiting[index]).ToList();
            if (refused.Count == 0)
            {
                return;
            }

            // Either the message is there, written by another follower a moment ago; or its place is taken by another message.
            var there = (await _documents.Find(new BsonDocument("_id", new BsonDocument("$in", new BsonArray(refused.Select(document => document["_id"])))))
                .Project(new BsonDocument("_id", 1)).ToListAsync(CancellationToken.None)).Select(document => document["_id"]).ToHashSet();
            foreach (var document in refused.Where(document => there.Contains(document["_id"])))
            {
                var content = new BsonDocument(document.Where(field => field.Name is not ("_id" or Place)));
                await _documents.UpdateOneAsync(
                    Older(document["_id"].AsBsonDocument, order), new BsonDocument("$set", content), cancellationToken: CancellationToken.None);
            }

            waiting = refused.Where(document => !there.Contains(document["_id"])).ToList();
            waiting.ForEach(document => document[Place] = document[Place].AsInt64 + 1);
        }
    }

    private static BsonDocument Said(IReadOnlyList<string> words, bool hasLink) => new()
    {
        { Words, new BsonArray(words.Distinct(StringComparer.Ordinal)) }, { Text, $" {string.Join(' ', words)} " }, { Link, hasLink },
    };

    private static BsonDocument Older(BsonDocument id, string order) => new() { { "_id", id }, { Order, new BsonDocument("$lt", order) } };

    private static BsonDocument IdOf(string roomId, long seq) => new() { { Room, roomId }, { Seq, seq } };
}
