using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>The message service's collections and what finds their documents.</summary>
/// <remarks>Field names are short, because every document repeats them; <see cref="LogField"/> says what they are.</remarks>
internal sealed class MessageCollections(MongoConnection connection)
{
    private const string EpochId = "epoch";

    /// <summary>The database.</summary>
    public MongoConnection Connection => connection;

    /// <summary>What was appended: one document for each room of a flush, never changed but for <see cref="LogField.Effects"/>, which
    /// go away, and texts that are taken out.</summary>
    public IMongoCollection<BsonDocument> Log { get; } = connection.Collection("message_log");

    /// <summary>Users with a place in a room, and how far they have read it.</summary>
    public IMongoCollection<BsonDocument> Members { get; } = connection.Collection("message_members");

    /// <summary>The current state of messages that were changed after they were written.</summary>
    public IMongoCollection<BsonDocument> Changes { get; } = connection.Collection("message_changes");

    /// <summary>The owner of each partition, and its flushes that are under way.</summary>
    public IMongoCollection<BsonDocument> Partitions { get; } = connection.Collection("message_partitions");

    /// <summary>Tokens that are void before they end.</summary>
    public IMongoCollection<BsonDocument> Revocations { get; } = connection.Collection("message_revocations");

    /// <summary>Rooms whose settings were changed, whose beginning was given up or which were deleted: what is to be emptied of them.</summary>
    public IMongoCollection<BsonDocument> Retention { get; } = connection.Collection("message_retention");

    /// <summary>Requests that carry a key. The server removes what nobody swept within an hour after its end.</summary>
    public IMongoCollection<BsonDocument> Requests { get; } = connection.Collection("message_requests");

    /// <summary>What admins and moderators did.</summary>
    public IMongoCollection<BsonDocument> Audit { get; } = connection.Collection("message_audit");

    /// <summary>Deletions of users' data.</summary>
    public IMongoCollection<BsonDocument> Erasures { get; } = connection.Collection("message_erasures");

    private IMongoCollection<BsonDocument> Meta { get; } = connection.Collection("message_meta");

    /// <summary>Makes what is missing of the indexes, and the first epoch.</summary>
    /// <returns>The epoch.</returns>
    public async Task<string> CreateAsync(string newEpoch)
    {
        await Log.Indexes.CreateManyAsync(
            [
                // The fence between two writers of a room. An entry is added behind the end of another document only, so its first seq is enough.
                MongoWrites.Index(new BsonDocument { { LogField.Room, 1 }, { LogField.First, 1 } }, unique: true),

                // The same command is stored once. Of one document the writer compares the keys itself: MongoDB does not.
                MongoWrites.Index(new BsonDocument { { LogField.Room, 1 }, { $"{LogField.Entries}.{LogField.Key}", 1 } }, unique: true),
                MongoWrites.Index(new BsonDocument { { LogField.Room, 1 }, { LogField.Last, 1 } }),
                MongoWrites.Index(new BsonDocument { { LogField.Partition, 1 }, { LogField.Owner, 1 }, { LogField.Flush, 1 }, { LogField.Place, 1 } }),
                MongoWrites.Index(new BsonDocument($"{LogField.Entries}.{LogField.MessageId}", 1), sparse: true),
                MongoWrites.Index(new BsonDocument($"{LogField.Effects}.{LogField.Room}", 1), sparse: true),
                MongoWrites.Index(new BsonDocument($"{LogField.Effects}.{LogField.Members}.{MemberField.User}", 1), sparse: true),
                MongoWrites.Index(new BsonDocument { { LogField.Communities, 1 }, { LogField.Room, 1 } }, only: Exists(LogField.Communities)),
                MongoWrites.Index(new BsonDocument { { LogField.CreatedBy, 1 }, { LogField.CreatedAt, 1 } }, only: Exists(LogField.CreatedBy)),
                MongoWrites.Index(
                    new BsonDocument { { LogField.Room, 1 }, { LogField.Roots, 1 }, { LogField.First, 1 } }, only: Exists(LogField.Roots)),
                MongoWrites.Index(new BsonDocument { { LogField.Room, 1 }, { LogField.State, 1 }, { LogField.Last, 1 } }, only: Exists(LogField.State)),
                MongoWrites.Index(
                    new BsonDocument { { LogField.Room, 1 }, { LogField.Reports, 1 }, { LogField.First, 1 } }, only: Exists(LogField.Reports)),
            ],
            CancellationToken.None);
        await Members.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument { { MemberField.Room, 1 }, { MemberField.User, 1 } }),
                MongoWrites.Index(new BsonDocument { { MemberField.User, 1 }, { MemberField.Room, 1 } }),
                MongoWrites.Index(new BsonDocument { { MemberField.Room, 1 }, { MemberField.Role, 1 } }),
            ],
            CancellationToken.None);
        await Changes.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument { { ChangeField.Room, 1 }, { ChangeField.Updated, 1 } }),
                MongoWrites.Index(new BsonDocument { { ChangeField.Room, 1 }, { ChangeField.Pinned, 1 } }, only: Exists(ChangeField.Pinned)),
            ],
            CancellationToken.None);
        await Revocations.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument("until", 1)),
                MongoWrites.Index(new BsonDocument("audit._id", 1), sparse: true),
            ],
            CancellationToken.None);
        await Requests.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument("user", 1)),
                new CreateIndexModel<BsonDocument>(new BsonDocument("until", 1), new CreateIndexOptions { ExpireAfter = TimeSpan.FromHours(1) }),
            ],
            CancellationToken.None);
        await Audit.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument { { "at", 1 }, { "_id", 1 } }),
                .. ((string[])["actor", "target", "room"]).Select(field => MongoWrites.Index(new BsonDocument { { field, 1 }, { "at", 1 }, { "_id", 1 } })),
            ],
            CancellationToken.None);
        await Erasures.Indexes.CreateManyAsync(
            [
                MongoWrites.Index(new BsonDocument { { "completed", 1 }, { "at", 1 } }),
                MongoWrites.Index(new BsonDocument("audit._id", 1), sparse: true),
            ],
            CancellationToken.None);
        await Meta.InsertAbsentAsync([new BsonDocument { { "_id", EpochId }, { "value", newEpoch } }]);
        return await ReadEpochAsync();
    }

    /// <summary>The database's epoch.</summary>
    public async Task<string> ReadEpochAsync() =>
        (await Meta.Find(new BsonDocument("_id", EpochId)).FirstOrDefaultAsync(CancellationToken.None))?["value"].AsString
        ?? throw new StoreUnavailableException("The database is not initialised, or was emptied.");

    /// <summary>Another epoch, unless the database has another one than the known one already.</summary>
    public async Task<string> RenewEpochAsync(string knownEpoch, string newEpoch)
    {
        await Meta.UpdateOneAsync(
            new BsonDocument { { "_id", EpochId }, { "value", knownEpoch } }, new BsonDocument("$set", new BsonDocument("value", newEpoch)),
            cancellationToken: CancellationToken.None);
        return await ReadEpochAsync();
    }

    private static BsonDocument Exists(string field) => new(field, new BsonDocument("$exists", true));
}

/// <summary>Fields of a document of the log.</summary>
internal static class LogField
{
    public const string Room = "r";

    public const string Partition = "p";

    /// <summary>Epoch of the owner that appended it.</summary>
    public const string Owner = "o";

    /// <summary>Number of the owner's flush.</summary>
    public const string Flush = "f";

    /// <summary>Of the room in the flush, from 0.</summary>
    public const string Place = "i";

    /// <summary>Seq of the first entry; a text when nothing was appended and the place is taken, so that it stays so.</summary>
    public const string First = "s";

    /// <summary>Seq of the last entry.</summary>
    public const string Last = "l";

    /// <summary>Messages of the room up to the last entry.</summary>
    public const string Messages = "c";

    /// <summary>Messages among the entries.</summary>
    public const string OwnMessages = "mc";

    /// <summary>The room after the last entry: <see cref="HeadField"/>.</summary>
    public const string Head = "h";

    /// <summary>The entries; of each one the fields that follow.</summary>
    public const string Entries = "e";

    public const string Seq = "s";

    /// <summary>Sender and idempotency key.</summary>
    public const string Key = "k";

    public const string Sender = "u";

    /// <summary>Field number of the body in <c>RoomEvent</c>.</summary>
    public const string Kind = "t";

    public const string At = "at";

    public const string MessageId = "id";

    /// <summary>The <c>RoomEvent</c>.</summary>
    public const string Body = "b";

    /// <summary>Messages of the room up to this entry.</summary>
    public const string Count = "n";

    /// <summary>Seq of the message that the thread began with.</summary>
    public const string Root = "rs";

    /// <summary>Of the document: all such seqs.</summary>
    public const string Roots = "rt";

    /// <summary>Of the document: it has a report of a message.</summary>
    public const string Reports = "rep";

    /// <summary>Of the document: it has an entry about settings or a user's place.</summary>
    public const string State = "st";

    /// <summary>Of the document: the communities that its entries make the room belong to.</summary>
    public const string Communities = "co";

    /// <summary>Of the document: who created the room, in the document that did.</summary>
    public const string CreatedBy = "cb";

    public const string CreatedAt = "ct";

    /// <summary>What the entries make of members and older messages, until it is written there. It has the room, so that it can be found.</summary>
    public const string Effects = "x";

    /// <summary>Of the effects: documents of <see cref="MemberField"/>.</summary>
    public const string Members = "m";

    /// <summary>Of the effects: documents of <see cref="ChangeField"/>.</summary>
    public const string Changes = "c";

    /// <summary>Of the effects: seq and body of older entries that lose their text.</summary>
    public const string Erasures = "er";

    /// <summary>Of the effects: a document of <see cref="RetentionField"/>.</summary>
    public const string Retention = "k";

    /// <summary>Of the effects: records of the audit log.</summary>
    public const string Records = "a";

    /// <summary>Of the document: nothing was appended, and nothing will be.</summary>
    public const string Void = "v";
}

/// <summary>Fields of a room as its log carries them on.</summary>
internal static class HeadField
{
    public const string Kind = "k";

    public const string Members = "m";

    public const string CreatedBy = "by";

    public const string Settings = "set";

    public const string Deleted = "del";

    /// <summary>Messages from before it are kept no longer; absent when all are kept.</summary>
    public const string FirstSeq = "fs";
}

/// <summary>Fields of a room of which something may have to be emptied; its id is the document's.</summary>
internal static class RetentionField
{
    public const string Days = "days";

    public const string FirstSeq = "first";

    public const string ErasedSeq = "erased";

    public const string Deleted = "del";

    /// <summary>Seq of the entry that made it so.</summary>
    public const string Seq = "q";
}

/// <summary>Fields of a user's place in a room.</summary>
internal static class MemberField
{
    public const string Room = "r";

    public const string User = "u";

    public const string Name = "n";

    public const string Role = "role";

    public const string Banned = "ban";

    public const string BannedUntil = "banu";

    public const string Muted = "mute";

    public const string MutedUntil = "mutu";

    public const string InvitedBy = "inv";

    /// <summary>Seq of the entry that made it so; 0 when there is only a read mark.</summary>
    public const string Seq = "q";

    /// <summary>All up to it is read.</summary>
    public const string Mark = "ms";

    /// <summary>Own messages after it count as reading.</summary>
    public const string OwnAfter = "mo";
}

/// <summary>Fields of a message's current state.</summary>
internal static class ChangeField
{
    public const string Room = "r";

    /// <summary>Seq of the entry that created the message.</summary>
    public const string Created = "s";

    /// <summary>Seq of the entry that changed it last.</summary>
    public const string Updated = "u";

    /// <summary>The <c>Message</c>.</summary>
    public const string State = "b";

    /// <summary>Seq of the entry that pinned it; absent when it is not pinned.</summary>
    public const string Pinned = "pin";
}
