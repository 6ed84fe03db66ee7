using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Reads of rooms on MongoDB, in the message store's own database.</summary>
internal sealed class MongoRoomReads(MessageCollections collections) : IRoomReads
{
    public Task<Dictionary<string, long>> LastSentAsync(string roomId, long sinceMs, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        // From the end of the room to the first entry that is old enough.
        var times = new Dictionary<string, long>(StringComparer.Ordinal);
        using var cursor = await collections.Log.Find(RoomReader.InRoom(roomId)).Sort(new BsonDocument(LogField.First, -1))
            .Project(Without(LogField.Body)).ToCursorAsync(CancellationToken.None);
        while (await cursor.MoveNextAsync(CancellationToken.None))
        {
            foreach (var entry in cursor.Current.SelectMany(document => LogDocuments.EntriesOf(document).Reverse()))
            {
                var (at, sender) = (entry[LogField.At].AsInt64, entry[LogField.Sender].AsString);
                if (at <= sinceMs)
                {
                    return times;
                }

                if (LogDocuments.IsMessage(entry))
                {
                    times[sender] = Math.Max(at, times.GetValueOrDefault(sender));
                }
            }
        }

        return times;
    }, cancellationToken);

    public Task<int> CountInvitedAsync(string roomId, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        MemberKey[] changed = [.. pending.Members.Keys.Where(key => key.RoomId == roomId)];
        var written = await RoomReader.MembersAsync(collections, changed);
        var unchanged = await collections.Members.CountDocumentsAsync(
            new BsonDocument
            {
                { MemberField.Room, roomId },
                { MemberField.InvitedBy, new BsonDocument("$gt", "") },
                { MemberField.User, new BsonDocument("$nin", new BsonArray(changed.Select(key => key.UserId))) },
            });
        return (int)unchanged
            + changed.Count(key => pending.MemberOf(key, written.GetValueOrDefault(key)) is { } member && RoomReader.MembershipOf(member).InvitedBy.Length > 0);
    }, cancellationToken);

    public Task<Listed<RoomUser>> ListMembersAsync(
        string roomId, string afterUserId, bool withOthers, long nowMs, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        var (users, after, isEnd) = (new List<RoomUser>(), afterUserId, false);
        while (users.Count <= limit && !isEnd)
        {
            var written = (await collections.Members
                    .Find(new BsonDocument { { MemberField.Room, roomId }, { MemberField.User, new BsonDocument("$gt", after) } })
                    .Sort(new BsonDocument(MemberField.User, 1)).Limit(limit + 1).ToListAsync(CancellationToken.None))
                .ToDictionary(member => member[MemberField.User].AsString, StringComparer.Ordinal);
            isEnd = written.Count <= limit;
            var (from, to) = (after, isEnd ? null : written.Keys.Max(StringComparer.Ordinal));
            users.AddRange(written.Keys
                .Union(pending.Members.Keys.Where(key => key.RoomId == roomId && string.CompareOrdinal(key.UserId, from) > 0
                    && (to is null || string.CompareOrdinal(key.UserId, to) <= 0)).Select(key => key.UserId), StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .Select(userId => pending.MemberOf(new MemberKey(roomId, userId), written.GetValueOrDefault(userId))!)
                .Where(member => IsWanted(RoomReader.MembershipOf(member), withOthers, nowMs))
                .Select(member => new RoomUser(member[MemberField.User].AsString, member[MemberField.Name].AsString, RoomReader.MembershipOf(member))));
            after = to ?? after;
        }

        return users.Count > limit ? new Listed<RoomUser>(users[..limit], HasMore: true) : new Listed<RoomUser>(users, HasMore: false);
    }, cancellationToken);

    public Task<Listed<string>> ListRoomIdsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var (ids, after, isEnd) = (new List<string>(), afterRoomId, false);
        while (ids.Count <= limit && !isEnd)
        {
            var part = await RoomReader.RoomsOfAsync(collections, userId, after, limit + 1);
            var heads = await RoomReader.LastAsync(collections, part.Rooms.Select(room => room.RoomId));
            ids.AddRange(part.Rooms.Select(room => room.RoomId).Where(roomId => heads.TryGetValue(roomId, out var head) && !head.IsDeleted));
            (after, isEnd) = (part.Last, part.IsEnd);
        }

        return ids.Count > limit ? new Listed<string>(ids[..limit], HasMore: true) : new Listed<string>(ids, HasMore: false);
    }, cancellationToken);

    public Task<Listed<RoomEvent>> ListReportsAsync(string roomId, long beforeSeq, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var filter = RoomReader.InRoom(roomId, new BsonDocument { { "$gt", 0L }, { "$lt", beforeSeq } }).Add(LogField.Reports, true);
        var documents = await collections.Log.Find(filter).Sort(new BsonDocument(LogField.First, -1))
            .Limit(limit + 1).ToListAsync(CancellationToken.None);
        var reports = documents.SelectMany(document => LogDocuments.EntriesOf(document).Reverse())
            .Where(entry => entry[LogField.Kind].AsInt32 == (int)RoomEvent.BodyOneofCase.Reported && LogDocuments.SeqOf(entry) < beforeSeq)
            .Select(LogDocuments.EventOf).ToList();
        return reports.Count > limit ? new Listed<RoomEvent>(reports[..limit], HasMore: true) : new Listed<RoomEvent>(reports, HasMore: false);
    }, cancellationToken);

    public Task<RoomSince?> ReadRoomAsync(string roomId, long sinceSeq, int limit, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var epoch = await collections.ReadEpochAsync();
        if (await RoomReader.LastAsync(collections, roomId) is not { IsDeleted: false } head)
        {
            return null;
        }

        var documents = await collections.Log.Find(new BsonDocument
        {
            { LogField.Room, roomId }, { LogField.State, true }, { LogField.Last, new BsonDocument { { "$gt", sinceSeq }, { "$lte", head.LastSeq } } },
        }).Sort(new BsonDocument(LogField.Last, 1)).Limit(limit + 1).ToListAsync(CancellationToken.None);
        var entries = documents.SelectMany(LogDocuments.EntriesOf)
            .Where(entry => LogDocuments.SeqOf(entry) > sinceSeq && LogDocuments.IsState((RoomEvent.BodyOneofCase)entry[LogField.Kind].AsInt32))
            .Take(limit + 1).Select(LogDocuments.EventOf).ToList();
        var settings = head.Settings is null ? new RoomSettings { Kind = head.Kind } : RoomSettings.Parser.ParseFrom(head.Settings);
        return entries.Count > limit ? new RoomSince(epoch, settings, entries[..limit], HasMore: true) : new RoomSince(epoch, settings, entries, HasMore: false);
    }, cancellationToken);

    private static bool IsWanted(Membership membership, bool withOthers, long nowMs)
    {
        var now = membership.At(nowMs);
        return now.IsMember || (withOthers && (now.Role.Length > 0 || now.InvitedBy.Length > 0 || now.Banned || now.Muted));
    }

    private static BsonDocument Without(string field) => new($"{LogField.Entries}.{field}", 0);
}
