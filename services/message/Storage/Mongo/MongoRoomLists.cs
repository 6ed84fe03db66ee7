using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Lists of rooms on MongoDB, in the message store's own database.</summary>
internal sealed class MongoRoomLists(MessageCollections collections) : IRoomLists
{
    private const int AtOnce = 16;
    private const int PartSize = 1_000;

    public Task<Listed<ActiveRoom>> ListActiveAsync(string userId, ActiveRoom? after, int limit, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(async () =>
    {
        var rooms = await OwnRoomsAsync(userId);
        var newest = await NewestAsync(rooms.Keys);
        var active = new List<ActiveRoom>();
        foreach (var part in rooms.Keys.Chunk(AtOnce))
        {
            active.AddRange(await Task.WhenAll(part.Select(async roomId =>
                new ActiveRoom(roomId, newest.TryGetValue(roomId, out var message) ? message.CreatedAtMs : await CreatedAtAsync(roomId)))));
        }

        return Page(
            active.Where(room => after is not { } last || room.AtMs < last.AtMs || (room.AtMs == last.AtMs && string.CompareOrdinal(room.RoomId, last.RoomId) > 0))
                .OrderByDescending(room => room.AtMs).ThenBy(room => room.RoomId, StringComparer.Ordinal),
            limit);
    }, cancellationToken);

    public Task<Listed<string>> ListInvitationsAsync(string userId, string afterRoomId, long nowMs, int limit, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(async () =>
    {
        var effects = await collections.Log.Find(new BsonDocument($"{LogField.Effects}.{LogField.Members}.{MemberField.User}", userId))
            .Project(new BsonDocument(LogField.Effects, 1)).ToListAsync(CancellationToken.None);
        var pending = new PendingEffects(effects);
        var written = (await collections.Members
                .Find(new BsonDocument
                {
                    { MemberField.User, userId }, { MemberField.Room, new BsonDocument("$gt", afterRoomId) }, { MemberField.InvitedBy, new BsonDocument("$gt", "") },
                })
                .ToListAsync(CancellationToken.None))
            .ToDictionary(member => member[MemberField.Room].AsString, StringComparer.Ordinal);
        var own = pending.Members.Keys.Where(key => key.UserId == userId && string.CompareOrdinal(key.RoomId, afterRoomId) > 0).ToArray();
        foreach (var (key, member) in own.Length > 0 ? await RoomReader.MembersAsync(collections, own) : [])
        {
            written[key.RoomId] = member;
        }

        var invited = written.Keys.Union(own.Select(key => key.RoomId), StringComparer.Ordinal).Where(roomId =>
            RoomReader.MembershipOf(pending.MemberOf(new MemberKey(roomId, userId), written.GetValueOrDefault(roomId))!).At(nowMs)
                is { Role.Length: 0, InvitedBy.Length: > 0, Banned: false }).Order(StringComparer.Ordinal).ToArray();
        var heads = await RoomReader.LastAsync(collections, invited);
        return Page(invited.Where(roomId => heads.TryGetValue(roomId, out var head) && !head.IsDeleted), limit);
    }, cancellationToken);

    public Task<Listed<string>> ListChannelsAsync(
        string community, string userId, ChannelsSeen sees, string afterRoomId, long nowMs, int limit, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(async () =>
    {
        // All rooms that were once of the community; those that are now.
        var rooms = (await collections.Log
                .Find(new BsonDocument { { LogField.Communities, community }, { LogField.Room, new BsonDocument("$gt", afterRoomId) } })
                .Sort(new BsonDocument { { LogField.Communities, 1 }, { LogField.Room, 1 } }).Project(new BsonDocument(LogField.Room, 1)).ToListAsync(CancellationToken.None))
            .Select(document => document[LogField.Room].AsString).Distinct(StringComparer.Ordinal).ToArray();
        var channels = new List<string>();
        for (var start = 0; start < rooms.Length && channels.Count <= limit; start += limit + 1)
        {
            string[] part = [.. rooms.Skip(start).Take(limit + 1)];
            var heads = await RoomReader.LastAsync(collections, part);
            var pending = await RoomReader.PendingAsync(collections, part);
            var written = await RoomReader.MembersAsync(collections, part.Select(roomId => new MemberKey(roomId, userId)));
            channels.AddRange(part.Where(roomId => heads.TryGetValue(roomId, out var head) && !head.IsDeleted && CommunityOf(head) == community
                && Sees(head.Kind, pending.MemberOf(new MemberKey(roomId, userId), written.GetValueOrDefault(new MemberKey(roomId, userId))))));
        }

        return Page(channels, limit);

        bool Sees(string kind, BsonDocument? member)
        {
            var place = (member is null ? Membership.None : RoomReader.MembershipOf(member)).At(nowMs);
            return !place.Banned && (sees == ChannelsSeen.All || place.Role.Length > 0 || place.InvitedBy.Length > 0
                || (sees == ChannelsSeen.Open && kind is "open" or "auditorium"));
        }
    }, cancellationToken);

    public Task<Listed<RoomChannel>> ListUserChannelsAsync(string userId, RoomChannel after, int limit, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(async () => Page(
            (await OwnRoomsAsync(userId)).Select(room => new RoomChannel(CommunityOf(room.Value), room.Key))
                .Where(channel => channel.Community.Length > 0
                    && string.CompareOrdinal(channel.Community, after.Community ?? "") is var order && (order > 0 || (order == 0 && string.CompareOrdinal(channel.RoomId, after.RoomId) > 0)))
                .OrderBy(channel => channel.Community, StringComparer.Ordinal).ThenBy(channel => channel.RoomId, StringComparer.Ordinal),
            limit), cancellationToken);

    public Task<Dictionary<string, Message>> ReadLastMessagesAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(() => NewestAsync(roomIds), cancellationToken);

    public Task<Dictionary<string, RoomUser>> ReadOthersAsync(IReadOnlyCollection<string> roomIds, string userId, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(async () =>
    {
        var pending = await RoomReader.PendingAsync(collections, roomIds);
        var written = (await collections.Members.Find(new BsonDocument(MemberField.Room, new BsonDocument("$in", new BsonArray(roomIds)))).ToListAsync(CancellationToken.None))
            .ToDictionary(member => new MemberKey(member[MemberField.Room].AsString, member[MemberField.User].AsString));
        var others = new Dictionary<string, RoomUser>(StringComparer.Ordinal);
        foreach (var key in written.Keys.Union(pending.Members.Keys).Where(key => key.UserId != userId))
        {
            var member = pending.MemberOf(key, written.GetValueOrDefault(key))!;
            if (RoomReader.MembershipOf(member) is { Role.Length: > 0 } place)
            {
                others[key.RoomId] = new RoomUser(key.UserId, member[MemberField.Name].AsString, place);
            }
        }

        return others;
    }, cancellationToken);

    private static Listed<T> Page<T>(IEnumerable<T> items, int limit)
    {
        var page = items.Take(limit + 1).ToList();
        return page.Count > limit ? new Listed<T>(page[..limit], HasMore: true) : new Listed<T>(page, HasMore: false);
    }

    private static string CommunityOf(StoredHead head) => head.Settings is { } settings ? RoomSettings.Parser.ParseFrom(settings).Community : "";

    private async Task<Dictionary<string, StoredHead>> OwnRoomsAsync(string userId)
    {
        var rooms = new Dictionary<string, StoredHead>(StringComparer.Ordinal);
        var (after, isEnd) = ("", false);
        while (!isEnd)
        {
            var part = await RoomReader.RoomsOfAsync(collections, userId, after, PartSize);
            foreach (var (roomId, head) in await RoomReader.LastAsync(collections, part.Rooms.Select(room => room.RoomId)))
            {
                if (!head.IsDeleted)
                {
                    rooms[roomId] = head;
                }
            }

            (after, isEnd) = (part.Last, part.IsEnd);
        }

        return rooms;
    }

    private async Task<Dictionary<string, Message>> NewestAsync(IEnumerable<string> roomIds)
    {
        var newest = new Dictionary<string, Message>(StringComparer.Ordinal);
        foreach (var part in roomIds.Distinct(StringComparer.Ordinal).Chunk(AtOnce))
        {
            var found = await Task.WhenAll(part.Select(NewestAsync));
            for (var i = 0; i < part.Length; i++)
            {
                if (found[i] is { } message)
                {
                    newest[part[i]] = message;
                }
            }
        }

        return newest;
    }

    private async Task<Message?> NewestAsync(string roomId)
    {
        if (await RoomReader.LastAsync(collections, roomId) is not { Messages: > 0 } head)
        {
            return null;
        }

        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        var messages = await MessageReads.MessagesAsync(collections, roomId, rootSeq: 0, HistoryRange.Newest, head, pending, ReadLimit.Of(1));
        return messages is [var newest, ..] ? newest.Message : null;
    }

    private async Task<long> CreatedAtAsync(string roomId)
    {
        var first = await collections.Log.Find(RoomReader.InRoom(roomId)).Sort(new BsonDocument { { LogField.Room, 1 }, { LogField.First, 1 } })
            .Limit(1).FirstOrDefaultAsync(CancellationToken.None);
        return first is null ? 0 : LogDocuments.EntriesOf(first).First()[LogField.At].AsInt64;
    }
}
