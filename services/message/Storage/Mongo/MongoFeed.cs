using MongoDB.Bson;
using MongoDB.Driver;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>The feed of a partition: the documents of its log by owner epoch, flush and place in the flush, up to the last flush that is complete.</summary>
internal static class MongoFeed
{
    private const int DocumentsInBatch = 100;

    /// <inheritdoc cref="IMessageStore.ReadFeedAsync"/>
    /// <param name="collections">Where.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="from">The first entry that is wanted.</param>
    /// <param name="head">The last flush that may be read.</param>
    /// <param name="limit">Of entries.</param>
    public static async Task<FeedPage> ReadAsync(MessageCollections collections, int partition, FeedPosition from, FeedHead head, ReadLimit limit)
    {
        var entries = new Bounded<FeedEntry>(limit);
        var (next, flush, ofFlush) = (from, (from.OwnerEpoch, from.Flush), 0);
        foreach (var filter in FiltersOf(partition, from, head))
        {
            using var cursor = await collections.Log.Find(filter, new FindOptions { BatchSize = DocumentsInBatch })
                .Sort(new BsonDocument { { LogField.Partition, 1 }, { LogField.Owner, 1 }, { LogField.Flush, 1 }, { LogField.Place, 1 } })
                .ToCursorAsync(CancellationToken.None);
            while (!entries.HasMore && await cursor.MoveNextAsync(CancellationToken.None))
            {
                foreach (var document in cursor.Current)
                {
                    var own = (document[LogField.Owner].AsInt64, document[LogField.Flush].AsInt64);
                    (flush, ofFlush) = (own, own == flush ? ofFlush : 0);
                    foreach (var entry in LogDocuments.EntriesOf(document))
                    {
                        ofFlush++;
                        if (own == (from.OwnerEpoch, from.Flush) && ofFlush <= from.Entry)
                        {
                            continue; // Read already.
                        }

                        entries.Add(new FeedEntry(document[LogField.Room].AsString, LogDocuments.EventOf(entry)), entry[LogField.Body].AsByteArray.Length);
                        next = entries.HasMore ? next : new FeedPosition(own.Item1, own.Item2, ofFlush);
                    }
                }
            }
        }

        // All that there is was read: the flush that was read last is complete.
        var isEnd = !entries.HasMore && entries.Items.Count > 0;
        return new FeedPage("", entries.Items, isEnd ? new FeedPosition(next.OwnerEpoch, next.Flush + 1, Entry: 0) : next, entries.HasMore);
    }

    // What is left of the flush's owner, then what others appended after it, then what the present one did.
    private static IEnumerable<BsonDocument> FiltersOf(int partition, FeedPosition from, FeedHead head)
    {
        var isOne = from.OwnerEpoch == head.OwnerEpoch;
        var flushes = new BsonDocument("$gte", from.Flush);
        yield return Of(from.OwnerEpoch, isOne ? flushes.Add("$lte", head.Flush) : flushes);
        if (!isOne)
        {
            yield return Of(new BsonDocument { { "$gt", from.OwnerEpoch }, { "$lt", head.OwnerEpoch } }, new BsonDocument("$gte", 0L));
            yield return Of(head.OwnerEpoch, new BsonDocument("$lte", head.Flush));
        }

        BsonDocument Of(BsonValue owner, BsonDocument flush) => new() { { LogField.Partition, partition }, { LogField.Owner, owner }, { LogField.Flush, flush } };
    }
}
