using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Reads of rooms that are of one moment, although several documents are read.</summary>
/// <remarks>First the end of the log, then the effects that are not written yet, then what they are written to. What was appended up to that end is in one of the
/// two; what shows something later is read again.</remarks>
internal static class RoomReader
{
    private const int Attempts = 50; // Each fails only when the room was changed between two of its reads.
    private const int AtOnce = 16;

    /// <summary>All of a document but its entries.</summary>
    public static BsonDocument HeadOnly { get; } = new() { { LogField.Room, 1 }, { LogField.Last, 1 }, { LogField.Messages, 1 }, { LogField.Head, 1 } };

    /// <summary>A room's documents, without places that are taken for nothing.</summary>
    public static BsonDocument InRoom(string roomId, BsonDocument? first = null) =>
        new() { { LogField.Room, roomId }, { LogField.First, first ?? new BsonDocument("$gt", 0L) } };

    /// <summary>A room's end; null when there is no such room.</summary>
    public static async Task<StoredHead?> LastAsync(MessageCollections collections, string roomId)
    {
        var last = await collections.Log.Find(InRoom(roomId)).Sort(new BsonDocument(LogField.First, -1))
            .Limit(1).Project(HeadOnly).FirstOrDefaultAsync(CancellationToken.None);
        return last is null ? null : StoredHead.Of(last);
    }

    /// <summary>The ends of rooms; those that do not exist are absent.</summary>
    public static async Task<Dictionary<string, StoredHead>> LastAsync(MessageCollections collections, IEnumerable<string> roomIds)
    {
        var heads = new Dictionary<string, StoredHead>(StringComparer.Ordinal);
        foreach (var part in roomIds.Distinct(StringComparer.Ordinal).Chunk(AtOnce))
        {
            var found = await Task.WhenAll(part.Select(roomId => LastAsync(collections, roomId)));
            for (var i = 0; i < part.Length; i++)
            {
                if (found[i] is { } head)
                {
                    heads[part[i]] = head;
                }
            }
        }

        return heads;
    }

    /// <summary>What is appended in rooms and not yet written to members and messages.</summary>
    public static async Task<PendingEffects> PendingAsync(MessageCollections collections, IEnumerable<string> roomIds) => new(await collections.Log
        .Find(new BsonDocument($"{LogField.Effects}.{LogField.Room}", new BsonDocument("$in", new BsonArray(roomIds.Distinct(StringComparer.Ordinal)))))
        .Project(new BsonDocument(LogField.Effects, 1)).ToListAsync(CancellationToken.None));

    /// <summary>Users' places in rooms as their documents have them.</summary>
    public static async Task<Dictionary<MemberKey, BsonDocument>> MembersAsync(MessageCollections collections, IEnumerable<MemberKey> keys)
    {
        var found = await collections.Members
            .Find(new BsonDocument("_id", new BsonDocument("$in", new BsonArray(keys.Select(key => Effects.IdOf(key.RoomId, key.UserId))))))
            .ToListAsync(CancellationToken.None);
        return found.ToDictionary(member => new MemberKey(member[MemberField.Room].AsString, member[MemberField.User].AsString));
    }

    /// <summary>The newest entry up to a seq; null when the room, or what is left of it, begins later.</summary>
    public static async Task<BsonDocument?> EntryAtAsync(MessageCollections collections, string roomId, long seq)
    {
        var document = await collections.Log.Find(InRoom(roomId, new BsonDocument { { "$gt", 0L }, { "$lte", seq } }))
            .Sort(new BsonDocument(LogField.First, -1)).Limit(1).FirstOrDefaultAsync(CancellationToken.None);
        return document is null ? null : LogDocuments.EntriesOf(document).LastOrDefault(entry => LogDocuments.SeqOf(entry) <= seq);
    }

    /// <summary>How many members own rooms, and the seq of the newest change of an owner.</summary>
    public static async Task<(Dictionary<string, int> Counts, Dictionary<string, long> Newest)> OwnersAsync(
        MessageCollections collections, IReadOnlyCollection<string> roomIds, PendingEffects pending)
    {
        var written = (await collections.Members
                .Find(new BsonDocument { { MemberField.Room, new BsonDocument("$in", new BsonArray(roomIds)) }, { MemberField.Role, "owner" } })
                .ToListAsync(CancellationToken.None))
            .ToDictionary(member => new MemberKey(member[MemberField.Room].AsString, member[MemberField.User].AsString));
        if (pending.Members.Count > 0)
        {
            foreach (var (key, member) in await MembersAsync(collections, pending.Members.Keys))
            {
                written[key] = member;
            }
        }

        var (counts, newest) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, long>(StringComparer.Ordinal));
        foreach (var key in written.Keys.Union(pending.Members.Keys))
        {
            var member = pending.MemberOf(key, written.GetValueOrDefault(key))!;
            newest[key.RoomId] = Math.Max(newest.GetValueOrDefault(key.RoomId), PendingEffects.SeqOf(member));
            if (member[MemberField.Role].AsString == "owner")
            {
                counts[key.RoomId] = counts.GetValueOrDefault(key.RoomId) + 1;
            }
        }

        return (counts, newest);
    }

    /// <summary>Rooms that a user is a member of, by room id; deleted ones are among them.</summary>
    /// <param name="collections">Where.</param>
    /// <param name="userId">The user.</param>
    /// <param name="afterRoomId">Exclusive.</param>
    /// <param name="limit">Of rooms that are looked at.</param>
    /// <returns>The rooms, where the next part begins, and whether there is none.</returns>
    public static async Task<(List<(string RoomId, BsonDocument Member)> Rooms, string Last, bool IsEnd)> RoomsOfAsync(
        MessageCollections collections, string userId, string afterRoomId, int limit)
    {
        var effects = await collections.Log.Find(new BsonDocument($"{LogField.Effects}.{LogField.Members}.{MemberField.User}", userId))
            .Project(new BsonDocument(LogField.Effects, 1)).ToListAsync(CancellationToken.None);
        var pending = new PendingEffects(effects);
        var written = (await collections.Members
                .Find(new BsonDocument
                {
                    { MemberField.User, userId }, { MemberField.Room, new BsonDocument("$gt", afterRoomId) }, { MemberField.Role, new BsonDocument("$gt", "") },
                })
                .Sort(new BsonDocument(MemberField.Room, 1)).Limit(limit).ToListAsync(CancellationToken.None))
            .ToDictionary(member => member[MemberField.Room].AsString, StringComparer.Ordinal);
        var isEnd = written.Count < limit;
        var last = written.Count > 0 ? written.Keys.Max(StringComparer.Ordinal)! : afterRoomId;
        var own = pending.Members.Keys.Where(key => key.UserId == userId && string.CompareOrdinal(key.RoomId, afterRoomId) > 0
            && (isEnd || string.CompareOrdinal(key.RoomId, last) <= 0)).ToArray();
        if (own.Length > 0)
        {
            foreach (var (key, member) in await MembersAsync(collections, own))
            {
                written[key.RoomId] = member;
            }
        }

        var rooms = written.Keys.Union(own.Select(key => key.RoomId), StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(roomId => (RoomId: roomId, Member: pending.MemberOf(new MemberKey(roomId, userId), written.GetValueOrDefault(roomId))!))
            .Where(room => MembershipOf(room.Member).IsMember).ToList();
        return (rooms, last, isEnd);
    }

    /// <summary>Reads until all of it is of one moment.</summary>
    /// <param name="read">Null when something was read that is newer than the end of its room.</param>
    public static async Task<T> OfOneMomentAsync<T>(Func<Task<T?>> read)
        where T : class
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await read() is { } result)
            {
                return result;
            }
        }

        throw new StoreUnavailableException("A room changes faster than it can be read.");
    }

    /// <summary>What the room knows of the user; of who has only a read mark, nothing.</summary>
    public static Membership MembershipOf(BsonDocument member) => PendingEffects.SeqOf(member) == 0 ? Membership.None : new(
        member[MemberField.Role].AsString, member[MemberField.Banned].AsBoolean, member[MemberField.Muted].AsBoolean, member[MemberField.BannedUntil].AsInt64,
        member[MemberField.MutedUntil].AsInt64, member[MemberField.InvitedBy].AsString);
}

/// <summary>Effects that are appended, and perhaps not yet written to members and messages.</summary>
internal sealed class PendingEffects
{
    private readonly Dictionary<MemberKey, BsonDocument> _members = [];
    private readonly Dictionary<RoomSeq, BsonDocument> _changes = [];
    private readonly Dictionary<RoomSeq, byte[]> _erasures = [];

    public PendingEffects(List<BsonDocument> documents)
    {
        foreach (var effects in documents.Select(document => document[LogField.Effects].AsBsonDocument))
        {
            var roomId = effects[LogField.Room].AsString;
            foreach (var member in effects[LogField.Members].AsBsonArray.Select(member => member.AsBsonDocument))
            {
                Newest(_members, new MemberKey(roomId, member[MemberField.User].AsString), member, MemberField.Seq);
            }

            foreach (var change in effects[LogField.Changes].AsBsonArray.Select(change => change.AsBsonDocument))
            {
                Newest(_changes, new RoomSeq(roomId, change[ChangeField.Created].AsInt64), change, ChangeField.Updated);
            }

            foreach (var erased in effects[LogField.Erasures].AsBsonArray.Select(erased => erased.AsBsonDocument))
            {
                _erasures[new RoomSeq(roomId, LogDocuments.SeqOf(erased))] = erased[LogField.Body].AsByteArray;
            }
        }
    }

    /// <summary>By room and user.</summary>
    public IReadOnlyDictionary<MemberKey, BsonDocument> Members => _members;

    /// <summary>By room and the seq of the message's creation.</summary>
    public IReadOnlyDictionary<RoomSeq, BsonDocument> Changes => _changes;

    /// <summary>What an entry says after the effects.</summary>
    public byte[] BodyOf(string roomId, BsonDocument entry) =>
        _erasures.GetValueOrDefault(new RoomSeq(roomId, LogDocuments.SeqOf(entry))) ?? entry[LogField.Body].AsByteArray;

    /// <summary>A user's place after the effects; null when the room knows nothing of the user.</summary>
    /// <param name="key">Room and user.</param>
    /// <param name="written">As the document has it, if there is one.</param>
    public BsonDocument? MemberOf(MemberKey key, BsonDocument? written)
    {
        if (!_members.TryGetValue(key, out var pending) || (written is not null && SeqOf(written) >= SeqOf(pending)))
        {
            return written;
        }

        var member = new BsonDocument(pending) { { MemberField.Room, key.RoomId } };
        if (written is not null && member[MemberField.Name].AsString.Length == 0)
        {
            member[MemberField.Name] = written.GetValue(MemberField.Name, "");
        }

        if (member[MemberField.Role].AsString.Length > 0)
        {
            var keeps = written is not null && written.Contains(MemberField.Mark);
            member[MemberField.Mark] = keeps ? written![MemberField.Mark] : pending[MemberField.Seq];
            member[MemberField.OwnAfter] = keeps ? written![MemberField.OwnAfter] : pending[MemberField.Seq];
        }

        return member;
    }

    /// <summary>A message's state after the effects; null when it was never changed.</summary>
    public BsonDocument? ChangeOf(RoomSeq message, BsonDocument? written) =>
        _changes.TryGetValue(message, out var pending) && (written is null || UpdatedOf(written) < UpdatedOf(pending)) ? pending : written;

    public static long SeqOf(BsonDocument member) => member.GetValue(MemberField.Seq, 0L).ToInt64();

    public static long UpdatedOf(BsonDocument change) => change[ChangeField.Updated].AsInt64;

    private static void Newest<TKey>(Dictionary<TKey, BsonDocument> all, TKey key, BsonDocument document, string field)
        where TKey : notnull
    {
        if (!all.TryGetValue(key, out var other) || other[field].AsInt64 < document[field].AsInt64)
        {
            all[key] = document;
        }
    }
}
