using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>What is known of rooms, on MongoDB.</summary>
/// <remarks>What a round makes of it is written when all that was decided by it is there (<see cref="WriteAsync"/>): a round that is done again decides by
/// the same. Until then it is read from here. Each document has the seq of the entry that it is from, and older entries change nothing: a follower that was
/// replaced does no harm.</remarks>
internal sealed class MongoFactRows(NotificationCollections collections) : IFactRows
{
    private static readonly BsonDocument IsMember = new("$gt", "");

    private readonly Dictionary<(string RoomId, string UserId), Place> _members = [];
    private readonly Dictionary<string, (int Partition, string Kind, string Name, long Seq)> _rooms = new(StringComparer.Ordinal);
    private readonly HashSet<string> _removed = new(StringComparer.Ordinal);

    public async Task ForgetAsync(int partition)
    {
        IMongoCollection<BsonDocument>[] forgotten =
        [
            collections.Rooms, collections.Members, collections.Threads, collections.Replies, collections.Reads, collections.Later,
        ];
        foreach (var collection in forgotten)
        {
            await collection.DeleteManyAsync(new BsonDocument("p", partition), CancellationToken.None);
        }
    }

    public async Task<List<(string RoomId, string Kind, string Name)>> FindRoomsAsync(IReadOnlyCollection<string> roomIds) =>
        (await collections.Rooms.FindInAsync("_id", roomIds.Select(roomId => (BsonValue)roomId)))
            .ConvertAll(room => (room["_id"].AsString, room["kind"].AsString, room["name"].AsString));

    public Task SetRoomAsync(string roomId, int partition, string kind, string name, long seq)
    {
        _rooms[roomId] = (partition, kind, name, seq);
        return Task.CompletedTask;
    }

    public Task RemoveRoomAsync(string roomId)
    {
        _removed.Add(roomId);
        _rooms.Remove(roomId);
        foreach (var key in _members.Keys.Where(key => key.RoomId == roomId).ToArray())
        {
            _members.Remove(key);
        }

        return Task.CompletedTask;
    }

    public Task SetMemberAsync(string roomId, int partition, string userId, string folded, string role, long seq)
    {
        var known = _members.GetValueOrDefault((roomId, userId));
        _members[(roomId, userId)] = new Place(partition, folded.Length > 0 ? folded : known?.Folded ?? "", role, seq);
        return Task.CompletedTask;
    }

    public async Task<List<string>> MembersAsync(string roomId, string after, int limit)
    {
        var own = _members.Where(member => member.Key.RoomId == roomId && string.CompareOrdinal(member.Key.UserId, after) > 0)
            .ToDictionary(member => member.Key.UserId, member => member.Value, StringComparer.Ordinal);
        var stored = _removed.Contains(roomId) ? [] : await collections.Members
            .Find(new BsonDocument { { "r", roomId }, { "u", new BsonDocument("$gt", after) }, { "role", IsMember } })
            .Sort(new BsonDocument("u", 1)).Limit(limit + own.Count).Project(new BsonDocument("u", 1)).ToListAsync(CancellationToken.None);
        return
        [
            .. stored.Select(member => member["u"].AsString).Where(userId => !own.ContainsKey(userId))
                .Concat(own.Where(member => member.Value.Role.Length > 0).Select(member => member.Key)).Order(StringComparer.Ordinal).Take(limit),
        ];
    }

    public async Task<string?> RoleAsync(string roomId, string userId)
    {
        var role = _members.TryGetValue((roomId, userId), out var own) ? own.Role
            : _removed.Contains(roomId) ? ""
            : (await collections.Members.Find(new BsonDocument("_id", IdOf(roomId, userId)))
                .FirstOrDefaultAsync(CancellationToken.None))?["role"].AsString ?? "";
        return role.Length > 0 ? role : null;
    }

    public async Task<HashSet<string>> MembersOfAsync(string roomId, IReadOnlyCollection<string> userIds)
    {
        var stored = _removed.Contains(roomId)
            ? []
            : await collections.Members.FindInAsync("_id", userIds.Select(userId => (BsonValue)IdOf(roomId, userId)), new BsonDocument("role", IsMember));
        var members = stored.Select(member => member["u"].AsString).ToHashSet(StringComparer.Ordinal);
        foreach (var userId in userIds)
        {
            if (_members.TryGetValue((roomId, userId), out var own))
            {
                _ = own.Role.Length > 0 ? members.Add(userId) : members.Remove(userId);
            }
        }

        return members;
    }

    public async Task<List<string>> NamedAsync(string roomId, IReadOnlyCollection<string> userIds, IReadOnlyCollection<string> folded)
    {
        var stored = _removed.Contains(roomId) ? [] : await collections.Members.Find(new BsonDocument
        {
            { "r", roomId }, { "role", IsMember },
            { "$or", new BsonArray { new BsonDocument("u", Documents.In(userIds)), new BsonDocument("f", Documents.In(folded)) } },
        }).ToListAsync(CancellationToken.None);
        var named = stored.Select(member => member["u"].AsString).ToHashSet(StringComparer.Ordinal);
        foreach (var (userId, own) in _members.Where(member => member.Key.RoomId == roomId).Select(member => (member.Key.UserId, member.Value)))
        {
            var isNamed = userIds.Contains(userId, StringComparer.Ordinal)
                || (own.Folded.Length > 0 ? folded.Contains(own.Folded, StringComparer.Ordinal) : named.Contains(userId));
            _ = isNamed && own.Role.Length > 0 ? named.Add(userId) : named.Remove(userId);
        }

        return [.. named];
    }

    /// <summary>Writes what the round made of it.</summary>
    public async Task WriteAsync()
    {
        if (_removed.Count > 0)
        {
            await collections.Members.DeleteManyAsync(new BsonDocument("r", Documents.In(_removed)), CancellationToken.None);
            await collections.Rooms.DeleteManyAsync(new BsonDocument("_id", Documents.In(_removed)), CancellationToken.None);
        }

        await collections.Rooms.UpsertWhenAsync(
        [
            .. _rooms.Select(room => new UpdateOneModel<BsonDocument>(
                new BsonDocument { { "_id", room.Key }, { "q", Documents.Below(room.Value.Seq) } },
                Documents.Set(new BsonDocument { { "p", room.Value.Partition }, { "kind", room.Value.Kind }, { "name", room.Value.Name },
                    { "q", room.Value.Seq } }))),
        ]);
        await collections.Members.UpsertWhenAsync([.. _members.Select(member => UpdateOf(member.Key.RoomId, member.Key.UserId, member.Value))]);
    }

    private static UpdateOneModel<BsonDocument> UpdateOf(string roomId, string userId, Place place)
    {
        var fields = new BsonDocument { { "r", roomId }, { "u", userId }, { "p", place.Partition }, { "role", place.Role }, { "q", place.Seq } };
        var update = place.Folded.Length > 0 ? Documents.Set(fields.Add("f", place.Folded)) : Documents.Set(fields)
            .Add("$setOnInsert", new BsonDocument("f", ""));
        return new UpdateOneModel<BsonDocument>(new BsonDocument { { "_id", IdOf(roomId, userId) }, { "q", Documents.Below(place.Seq) } }, update);
    }

    private static BsonDocument IdOf(string roomId, string userId) => new() { { "r", roomId }, { "u", userId } };

    private sealed record Place(int Partition, string Folded, string Role, long Seq);
}
