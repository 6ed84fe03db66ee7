using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;
using Tertulia.Notifications.Inbox;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>What is told later, on MongoDB. A part goes, or moves on, when all that it says is written: who comes after a failure tells it again, and finds
/// what is there.</summary>
internal sealed class MongoLaterRows(NotificationCollections collections, MongoRound round) : ILaterRows
{
    private IMongoCollection<BsonDocument> Later => collections.Later;

    public Task PutAsync(IReadOnlyList<LaterPart> parts) => Later.UpsertWhenAsync(
    [
        .. parts.Select(part => new UpdateOneModel<BsonDocument>(
            new BsonDocument("_id", IdOf(part)),
            Documents.Set(new BsonDocument
            {
                { "p", part.Partition }, { "part", part.PartId }, { "e", part.EventId }, { "m", part.Item.MessageId }, { "r", part.Item.RoomId },
                { "seq", part.Item.Seq },
                { "a", part.Item.UserId }, { "content", part.Write() },
            }))),
    ]);

    public Task ReplaceAsync(LaterPart part)
    {
        round.Last(() => PutAsync([part]));
        return Task.CompletedTask;
    }

    public async Task<LaterPart?> NextAsync(int partition) =>
        await Later.Find(new BsonDocument("p", partition)).Sort(new BsonDocument("part", 1))
            .FirstOrDefaultAsync(CancellationToken.None) is { } part ? Read(part) : null;

    public Task RemoveAsync(LaterPart part)
    {
        round.Last(() => Later.DeleteOneAsync(new BsonDocument("_id", IdOf(part)), CancellationToken.None));
        return Task.CompletedTask;
    }

    public async Task<List<LaterPart>> OfEventAsync(string eventId, string messageId) =>
        (await Later.Find(new BsonDocument { { "m", messageId }, { "e", eventId } }).Sort(new BsonDocument("part", 1))
            .ToListAsync(CancellationToken.None)).ConvertAll(Read);

    public Task RemoveOfMessageAsync(string messageId) => Later.DeleteManyAsync(new BsonDocument("m", messageId), CancellationToken.None);

    public Task RemoveOfRoomAsync(string roomId, long beforeSeq) =>
        Later.DeleteManyAsync(new BsonDocument { { "r", roomId }, { "seq", Documents.Below(beforeSeq) } }, CancellationToken.None);

    public Task RemoveOfActorAsync(string actorId) => Later.DeleteManyAsync(new BsonDocument("a", actorId), CancellationToken.None);

    private static BsonDocument IdOf(LaterPart part) => new() { { "p", part.Partition }, { "part", part.PartId } };

    private static LaterPart Read(BsonDocument part) => LaterPart.Read(part["part"].AsString, part["p"].AsInt32, part["e"].AsString, part["content"].AsString);
}
