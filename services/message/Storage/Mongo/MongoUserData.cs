using System.Globalization;
using System.Text;
using Google.Protobuf;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>What the rooms know of a user, on MongoDB, in the message store's own database.</summary>
/// <remarks>Several documents are changed one after the other, each only if it is still what was read: a text that was taken out meanwhile does not come back. Done twice it
/// changes nothing.</remarks>
internal sealed class MongoUserData(MessageCollections collections) : IUserData
{
    private const int Attempts = 50; // Each fails only when the document was changed between reading and writing it.

    public Task<Listed<string>> ListRoomsAsync(string afterRoomId, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        // Each room has one document that begins with its first entry.
        var found = await collections.Log.Find(new BsonDocument { { LogField.Room, new BsonDocument("$gt", afterRoomId) }, { LogField.First, 1L } })
            .Sort(new BsonDocument(LogField.Room, 1)).Limit(limit + 1).Project(new BsonDocument(LogField.Room, 1)).ToListAsync(CancellationToken.None);
        var rooms = found.ConvertAll(document => document[LogField.Room].AsString);
        return rooms.Count > limit ? new Listed<string>(rooms[..limit], HasMore: true) : new Listed<string>(rooms, HasMore: false);
    }, cancellationToken);

    public Task<IReadOnlyList<UserRoom>> FindRoomsAsync(
        string userId, IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var heads = await RoomReader.LastAsync(collections, roomIds);
        var pending = await RoomReader.PendingAsync(collections, heads.Keys);
        var places = await RoomReader.MembersAsync(collections, heads.Keys.Select(roomId => new MemberKey(roomId, userId)));
        List<UserRoom> rooms = [];
        foreach (var (roomId, head) in heads.OrderBy(room => room.Key, StringComparer.Ordinal))
        {
            var key = new MemberKey(roomId, userId);
            if ((pending.MemberOf(key, places.GetValueOrDefault(key)) is { } place && PendingEffects.SeqOf(place) > 0)
                || await collections.Log.Find(OfUser(roomId, userId)).Limit(1).Project(new BsonDocument("_id", 1)).AnyAsync(CancellationToken.None))
            {
                rooms.Add(new UserRoom(roomId, head.IsDeleted, head.LastSeq));
            }
        }

        return (IReadOnlyList<UserRoom>)rooms;
    }, cancellationToken);

    public Task<Listed<UserEntry>> ListEntriesAsync(
        string roomId, string userId, string afterKey, ReadLimit limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        if (await RoomReader.LastAsync(collections, roomId) is not { } head)
        {
            return new Listed<UserEntry>([], HasMore: false);
        }

        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        var keys = new BsonDocument($"{LogField.Entries}.{LogField.Key}", KeysOf(userId, afterKey));
        var found = await collections.Log.Aggregate<BsonDocument>(new BsonDocument[]
        {
            new("$match", OfUser(roomId, userId, afterKey)),
            new("$project", new BsonDocument(LogField.Entries, 1)),
            new("$unwind", $"${LogField.Entries}"),
            new("$match", keys),
            new("$sort", new BsonDocument($"{LogField.Entries}.{LogField.Key}", 1)),
            new("$limit", limit.Count + 1),
        }).ToListAsync(CancellationToken.None);
        var stored = found.ConvertAll(one => new StoredMessage(roomId, one[LogField.Entries].AsBsonDocument));
        var changes = await MessageReads.ChangesOfAsync(collections, [.. stored.Where(one => LogDocuments.IsMessage(one.Entry))], pending);
        List<UserEntry> entries = [];
        var bytes = 0;
        foreach (var one in stored)
        {
            if (entries.Count == limit.Count || bytes > limit.Bytes)
            {
                return new Listed<UserEntry>(entries, HasMore: true);
            }

            var (isMessage, isGone) = (LogDocuments.IsMessage(one.Entry), one.Seq < head.FirstSeq || head.IsDeleted);
            var entry = new UserEntry(
                one.Entry[LogField.Key].AsString[LogDocuments.KeyOf(userId, "").Length..],
                isMessage && !isGone ? one.Now(changes.GetValueOrDefault(one.Place)).Message : null,
                isMessage ? null : RoomEvent.Parser.ParseFrom(pending.BodyOf(roomId, one.Entry)));
            bytes += (entry.Message?.CalculateSize() ?? 0) + (entry.Entry?.CalculateSize() ?? 0);
            entries.Add(entry);
        }

        return new Listed<UserEntry>(entries, HasMore: false);
    }, cancellationToken);

    public Task<IReadOnlyList<string>> FindMessagesAsync(
        string roomId, string userId, long afterSeq, long toSeq, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        if (await RoomReader.LastAsync(collections, roomId) is not { IsDeleted: false } head)
        {
            return (IReadOnlyList<string>)[];
        }

        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        var documents = await DocumentsAsync(roomId, afterSeq, toSeq);
        var messages = documents.SelectMany(LogDocuments.EntriesOf)
            .Where(entry => LogDocuments.IsMessage(entry) && entry[LogField.Sender].AsString == userId && IsIn(entry, afterSeq, toSeq) && LogDocuments.SeqOf(entry) >= head.FirstSeq)
            .Select(entry => new StoredMessage(roomId, entry)).ToArray();
        var changes = await MessageReads.ChangesOfAsync(collections, messages, pending);
        return (IReadOnlyList<string>)[
            .. messages.Where(message => message.Now(changes.GetValueOrDefault(message.Place)).Message.DeletedAtMs == 0)
                .OrderBy(message => message.Seq).Select(message => message.Entry[LogField.MessageId].AsString),
        ];
    }, cancellationToken);

    public Task EraseAsync(
        string roomId, string userId, long afterSeq, long toSeq, bool keepsMessages, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        await WritePendingAsync(roomId);
        foreach (var document in await DocumentsAsync(roomId, afterSeq, toSeq))
        {
            await UntilUnchangedAsync(
                document, () => collections.Log.Find(Written(document)).FirstOrDefaultAsync(CancellationToken.None),
                read => TryEraseAsync(read, userId, afterSeq, toSeq, keepsMessages));
        }

        var changed = await collections.Changes
            .Find(new BsonDocument { { ChangeField.Room, roomId }, { ChangeField.Created, new BsonDocument { { "$gt", afterSeq }, { "$lte", toSeq } } } }).ToListAsync(CancellationToken.None);
        foreach (var change in changed)
        {
            await UntilUnchangedAsync(
                change, () => collections.Changes.Find(Written(change)).FirstOrDefaultAsync(CancellationToken.None), read => TryUnnameAsync(read, userId));
        }

        return true;
    }, cancellationToken);

    public Task ForgetAsync(string roomId, string userId, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        await WritePendingAsync(roomId);
        var place = new BsonDocument { { "_id", Effects.IdOf(roomId, userId) }, { MemberField.Room, roomId } };
        await collections.Members.DeleteOneAsync(new BsonDocument(place) { { MemberField.Seq, 0L } }, CancellationToken.None); // It was a read mark only.
        return await collections.Members.UpdateOneAsync(
            place,
            new BsonDocument
            {
                { "$set", new BsonDocument(MemberField.Name, "") },
                { "$unset", new BsonDocument { { MemberField.Mark, "" }, { MemberField.OwnAfter, "" } } },
            },
            cancellationToken: CancellationToken.None);
    }, cancellationToken);

    /// <summary>What is appended and not yet written to members and messages would bring a name back.</summary>
    private async Task WritePendingAsync(string roomId) => await Effects.ApplyAsync(
        collections, await collections.Log.Find(new BsonDocument($"{LogField.Effects}.{LogField.Room}", roomId)).ToListAsync(CancellationToken.None));

    private Task<List<BsonDocument>> DocumentsAsync(string roomId, long afterSeq, long toSeq) => collections.Log
        .Find(RoomReader.InRoom(roomId, new BsonDocument { { "$gt", 0L }, { "$lte", toSeq } }).Add(LogField.Last, new BsonDocument("$gt", afterSeq)))
        .ToListAsync(CancellationToken.None);

    /// <returns>False when an entry was changed meanwhile.</returns>
    private async Task<bool> TryEraseAsync(BsonDocument document, string userId, long afterSeq, long toSeq, bool keepsMessages)
    {
        var (condition, set) = (Written(document), new BsonDocument());
        var entries = document[LogField.Entries].AsBsonArray;
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i].AsBsonDocument;
            if (IsIn(entry, afterSeq, toSeq) && Without(entry, userId, keepsMessages) is { } body && !body.AsSpan().SequenceEqual(entry[LogField.Body].AsByteArray))
            {
                var field = string.Create(CultureInfo.InvariantCulture, $"{LogField.Entries}.{i}.{LogField.Body}");
                condition.Add(field, entry[LogField.Body]);
                set.Add(field, body);
            }
        }

        return set.ElementCount == 0
            || (await collections.Log.UpdateOneAsync(condition, new BsonDocument("$set", set), cancellationToken: CancellationToken.None)).MatchedCount > 0;
    }

    /// <returns>False when it was changed meanwhile.</returns>
    private async Task<bool> TryUnnameAsync(BsonDocument change, string userId)
    {
        var state = Message.Parser.ParseFrom(change[ChangeField.State].AsByteArray);
        if (state.UserId != userId || state.Username.Length == 0)
        {
            return true;
        }

        state.Username = "";
        var updated = await collections.Changes.UpdateOneAsync(
            Written(change).Add(ChangeField.State, change[ChangeField.State]), new BsonDocument("$set", new BsonDocument(ChangeField.State, state.ToByteArray())),
            cancellationToken: CancellationToken.None);
        return updated.MatchedCount > 0;
    }

    private static async Task UntilUnchangedAsync(BsonDocument read, Func<Task<BsonDocument>> again, Func<BsonDocument, Task<bool>> tryWrite)
    {
        for (var attempt = 0; read is not null && !await tryWrite(read); attempt++)
        {
            if (attempt == Attempts)
            {
                throw new StoreUnavailableException("A room changes faster than it can be written.");
            }

            read = await again(); // Null: it is gone.
        }
    }

    /// <returns>Null when the entry is neither the user's nor about the user.</returns>
    private static byte[]? Without(BsonDocument entry, string userId, bool keepsMessages)
    {
        var isOwn = entry[LogField.Sender].AsString == userId;
        if (!isOwn && entry[LogField.Kind].AsInt32 != (int)RoomEvent.BodyOneofCase.Member)
        {
            return null;
        }

        var told = LogDocuments.EventOf(entry);
        var isAbout = told.Member?.UserId == userId;
        if (!isOwn && !isAbout)
        {
            return null;
        }

        if (isOwn)
        {
            told = keepsMessages ? ErasedEntries.Unname(told) : ErasedEntries.Empty(told);
        }

        if (isAbout)
        {
            told.Member!.Username = "";
        }

        return told.ToByteArray();
    }

    private static bool IsIn(BsonDocument entry, long afterSeq, long toSeq) => LogDocuments.SeqOf(entry) is var seq && seq > afterSeq && seq <= toSeq;

    private static BsonDocument Written(BsonDocument document) => new() { { "_id", document["_id"] }, { LogField.Room, document[LogField.Room] } };

    private static BsonDocument OfUser(string roomId, string userId, string afterKey = "") => new()
    {
        { LogField.Room, roomId }, { LogField.Entries, new BsonDocument("$elemMatch", new BsonDocument(LogField.Key, KeysOf(userId, afterKey))) },
    };

    /// <summary>The user's keys after one, as the index has them: they begin with the same text, and end before the text that comes next.</summary>
    private static BsonDocument KeysOf(string userId, string afterKey)
    {
        var keys = new BsonDocument("$gt", LogDocuments.KeyOf(userId, afterKey));
        return Next(LogDocuments.KeyOf(userId, "")) is { } end ? keys.Add("$lt", end) : keys;
    }

    /// <returns>The smallest text that is larger than all that begin with this one; null when its last character is the largest there is.</returns>
    private static string? Next(string text)
    {
        _ = Rune.DecodeLastFromUtf16(text, out var last, out var length);
        return last.Value == 0x10FFFF ? null : text[..^length] + new Rune(last.Value == 0xD7FF ? 0xE000 : last.Value + 1);
    }
}
