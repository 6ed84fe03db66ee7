using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Feed;

/// <summary>A follower's marks on MongoDB, a document for each partition, moved by compare and set.</summary>
/// <remarks>There is no transaction with what the follower writes: that is written before the mark moves, and so that it may be written again, also by a follower that
/// is no longer the one. <see cref="OrderOf"/> tells what is newer.</remarks>
/// <param name="connection">Of the service's database.</param>
/// <param name="collection">Name of the collection.</param>
/// <param name="follower">Name of the follower.</param>
public sealed class MongoFeedMarks(MongoConnection connection, string collection, string follower)
{
    private readonly IMongoCollection<BsonDocument> _marks = connection.Collection(collection);

    /// <summary>A text for a place in the feed, larger for what comes later.</summary>
    public static string OrderOf(FeedMark mark) => $"{mark.OwnerEpoch:x16}{mark.Flush:x16}{mark.Entry:x8}";

    /// <summary>The stored mark.</summary>
    public async Task<FeedMark> ReadAsync(int partition)
    {
        var mark = await _marks.Find(new BsonDocument("_id", IdOf(partition))).FirstOrDefaultAsync(CancellationToken.None);
        return mark is null
            ? FeedMark.Start
            : new FeedMark(mark["epoch"].AsString, mark["owner_epoch"].AsInt64, mark["flush"].AsInt64, mark["entry"].AsInt32);
    }

    /// <summary>Moves the mark from <see cref="FeedBatch.From"/> to <see cref="FeedBatch.To"/>.</summary>
    /// <returns>False when the stored mark is another one.</returns>
    public async Task<bool> MoveAsync(FeedBatch page)
    {
        var id = new BsonDocument("_id", IdOf(page.Partition));
        if (page.From == FeedMark.Start)
        {
            return (await _marks.InsertAbsentAsync([id.AddRange(FieldsOf(page.To))])).Count == 0;
        }

        var moved = await _marks.UpdateOneAsync(
            id.AddRange(FieldsOf(page.From)), new BsonDocument("$set", FieldsOf(page.To)), cancellationToken: CancellationToken.None);
        return moved.MatchedCount == 1;
    }

    /// <summary>Forgets all marks of the follower.</summary>
    public Task ClearAsync() => _marks.DeleteManyAsync(new BsonDocument("_id.follower", follower), CancellationToken.None);

    private BsonDocument IdOf(int partition) => new() { { "follower", follower }, { "partition", partition } };

    private static BsonDocument FieldsOf(FeedMark mark) =>
        new() { { "epoch", mark.Epoch }, { "owner_epoch", mark.OwnerEpoch }, { "flush", mark.Flush }, { "entry", mark.Entry } };
}
