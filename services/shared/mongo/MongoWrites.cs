using MongoDB.Bson;
using MongoDB.Driver;

namespace Tertulia.Mongo;

/// <summary>Writes whose outcome depends on what is there, each atomic in its own document.</summary>
public static class MongoWrites
{
    private static readonly BulkWriteOptions AnyOrder = new() { IsOrdered = false };

    /// <summary>Inserts documents; those whose key is taken stay out.</summary>
    /// <returns>Places of those that stayed out.</returns>
    public static async Task<IReadOnlyCollection<int>> InsertAbsentAsync(this IMongoCollection<BsonDocument> collection, IReadOnlyCollection<BsonDocument> documents)
    {
        if (documents.Count == 0)
        {
            return [];
        }

        try
        {
            await collection.InsertManyAsync(documents, new InsertManyOptions { IsOrdered = false }, CancellationToken.None);
            return [];
        }
        catch (MongoBulkWriteException<BsonDocument> exception) when (MongoFaults.IsDuplicateKey(exception))
        {
            return exception.WriteErrors.Select(error => error.Index).ToHashSet();
        }
    }

    /// <summary>Runs updates that insert their document when it is not there, and do nothing when it is there and does not match.</summary>
    /// <remarks>A document that does not match is inserted again, which its key refuses. It may also have been inserted by another writer a moment ago: those are
    /// tried once more, now as updates only.</remarks>
    /// <param name="collection">Where.</param>
    /// <param name="updates">One for each document: the filter has its id and a condition.</param>
    /// <param name="otherwise">What is tried, in this order, with a document that was there and did not match; none: the update itself.</param>
    public static async Task UpsertWhenAsync(
        this IMongoCollection<BsonDocument> collection, IReadOnlyList<UpdateOneModel<BsonDocument>> updates,
        Func<int, IEnumerable<UpdateOneModel<BsonDocument>>>? otherwise = null)
    {
        if (updates.Count == 0)
        {
            return;
        }

        List<UpdateOneModel<BsonDocument>> again = [];
        try
        {
            await collection.BulkWriteAsync(
                updates.Select(update => new UpdateOneModel<BsonDocument>(update.Filter, update.Update) { IsUpsert = true }), AnyOrder, CancellationToken.None);
        }
        catch (MongoBulkWriteException<BsonDocument> exception) when (MongoFaults.IsDuplicateKey(exception))
        {
            foreach (var error in exception.WriteErrors)
            {
                again.AddRange(otherwise?.Invoke(error.Index) ?? [new UpdateOneModel<BsonDocument>(updates[error.Index].Filter, updates[error.Index].Update)]);
            }
        }

        if (again.Count > 0)
        {
            await collection.BulkWriteAsync(again, new BulkWriteOptions { IsOrdered = true }, CancellationToken.None);
        }
    }

    /// <summary>Makes an index; does nothing when it is there.</summary>
    public static CreateIndexModel<BsonDocument> Index(BsonDocument keys, bool unique = false, bool sparse = false, BsonDocument? only = null) =>
        new(keys, new CreateIndexOptions<BsonDocument> { Unique = unique ? true : null, Sparse = sparse ? true : null, PartialFilterExpression = only });
}
