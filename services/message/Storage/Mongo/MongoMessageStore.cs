using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Contracts;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>The store on MongoDB: the log of a room is all there is to know of it, in documents of a flush each.</summary>
internal sealed class MongoMessageStore(MessageCollections collections) : IMessageStore
{
    private readonly MongoAppend _append = new(collections);
    private volatile string? _epoch;

    public string Epoch => _epoch ?? throw new StoreUnavailableException("The store is not initialised yet.");

    public Task InitializeAsync(CancellationToken cancellationToken) => MongoConnection.TryForAsLongAsItTakesAsync(async () =>
    {
        await collections.Connection.CheckServerAsync(CancellationToken.None);
        _epoch = await collections.CreateAsync(Schema.NewEpoch());
        return true;
    }).WaitAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => TryAsync(EpochAsync, cancellationToken);

    public Task<string> RenewEpochAsync(string knownEpoch, CancellationToken cancellationToken) => TryAsync(
        async () => Seen(await collections.RenewEpochAsync(knownEpoch, Schema.NewEpoch())), cancellationToken);

    public Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken) =>
        TryAsync(() => _append.TakeAsync(partition, nowMs), cancellationToken);

    public Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends, CancellationToken cancellationToken) =>
        TryAsync(() => _append.AppendAsync(appends), cancellationToken);

    public Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(
        IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var found = new Dictionary<EntryKey, RoomEvent>();
        var wanted = keys.GroupBy(key => key.RoomId, StringComparer.Ordinal)
            .Select(room => (RoomId: room.Key, Keys: room.Distinct().ToDictionary(key => LogDocuments.KeyOf(key.SenderId, key.IdempotencyKey), StringComparer.Ordinal)));
        foreach (var (roomId, byText) in wanted)
        {
            var documents = await collections.Log.Find(new BsonDocument
            {
                { LogField.Room, roomId }, { $"{LogField.Entries}.{LogField.Key}", new BsonDocument("$in", new BsonArray(byText.Keys)) },
            }).ToListAsync(CancellationToken.None);
            foreach (var entry in documents.SelectMany(LogDocuments.EntriesOf))
            {
                if (byText.TryGetValue(entry[LogField.Key].AsString, out var key))
                {
                    found[key] = LogDocuments.EventOf(entry);
                }
            }
        }

        return found;
    }, cancellationToken);

    public Task<IReadOnlyList<FoundMessage>> FindMessagesAsync(IReadOnlyCollection<string> messageIds, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var ids = messageIds.ToHashSet(StringComparer.Ordinal);
        var documents = await collections.Log
            .Find(new BsonDocument($"{LogField.Entries}.{LogField.MessageId}", new BsonDocument("$in", new BsonArray(ids)))).ToListAsync(CancellationToken.None);
        var stored = documents.SelectMany(document => LogDocuments.EntriesOf(document)
            .Where(entry => entry.TryGetValue(LogField.MessageId, out var id) && ids.Contains(id.AsString))
            .Select(entry => new StoredMessage(document[LogField.Room].AsString, entry))).ToList();
        var heads = await RoomReader.LastAsync(collections, stored.Select(message => message.RoomId));
        var pending = await RoomReader.PendingAsync(collections, heads.Keys);
        var changes = await MessageReads.ChangesOfAsync(collections, stored, pending);
        return (IReadOnlyList<FoundMessage>)stored.ConvertAll(message =>
        {
            var now = message.Now(changes.GetValueOrDefault(message.Place)).Message;
            return new FoundMessage(message.RoomId, message.Seq < heads[message.RoomId].FirstSeq ? ErasedEntries.Expire(now) : now);
        });
    }, cancellationToken);

    public Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken) => TryAsync(
        () => RoomReader.OfOneMomentAsync(() => TryLoadAsync(roomIds, members)), cancellationToken);

    public Task<Dictionary<string, CreatedRooms>> CountCreatedRoomsAsync(
        IReadOnlyCollection<string> userIds, long sinceMs, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var created = await collections.Log.Find(new BsonDocument(LogField.CreatedBy, new BsonDocument("$in", new BsonArray(userIds))))
            .Project(new BsonDocument { { LogField.CreatedBy, 1 }, { LogField.CreatedAt, 1 } }).ToListAsync(CancellationToken.None);
        return created.GroupBy(room => room[LogField.CreatedBy].AsString, StringComparer.Ordinal).ToDictionary(
            user => user.Key,
            user =>
            {
                var recent = user.Select(room => room[LogField.CreatedAt].AsInt64).Where(at => at > sinceMs).ToArray();
                return new CreatedRooms(user.Count(), recent.Length, recent.Length == 0 ? 0 : recent.Min());
            },
            StringComparer.Ordinal);
    }, cancellationToken);

    public Task<Dictionary<RoomSeq, long>> CountMessagesAsync(IReadOnlyCollection<RoomSeq> positions, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var counts = new Dictionary<RoomSeq, long>();
        foreach (var position in positions)
        {
            if (await RoomReader.EntryAtAsync(collections, position.RoomId, position.Seq) is { } entry && LogDocuments.SeqOf(entry) == position.Seq)
            {
                counts[position] = entry[LogField.Count].AsInt64;
            }
        }

        return counts;
    }, cancellationToken);

    public Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, ReadLimit limit, CancellationToken cancellationToken) => ReadViewAsync(
        reader, (head, pending) => MessageReads.ChangedAsync(collections, reader.RoomId, sinceSeq, head, pending, limit), limit, cancellationToken);

    public Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken) => ReadViewAsync(
        reader, (head, pending) => MessageReads.MessagesAsync(collections, reader.RoomId, rootSeq: 0, range, head, pending, limit), limit, cancellationToken, isBackwards: !range.After);

    public Task<RoomView?> ReadThreadAsync(
        MemberKey reader, long rootSeq, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken) => ReadViewAsync(
        reader, (head, pending) => MessageReads.MessagesAsync(collections, reader.RoomId, rootSeq, range, head, pending, limit), limit, cancellationToken, isBackwards: !range.After);

    public Task<RoomView?> ReadPinsAsync(MemberKey reader, long beforePinnedSeq, ReadLimit limit, CancellationToken cancellationToken) => ReadViewAsync(
        reader, (head, pending) => MessageReads.PinsAsync(collections, reader.RoomId, beforePinnedSeq, head.FirstSeq, pending, limit.Count + 1), limit, cancellationToken);

    public Task<Dictionary<string, int>> CountPinsAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var heads = await RoomReader.LastAsync(collections, roomIds);
        var pending = await RoomReader.PendingAsync(collections, roomIds);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (roomId, head) in heads)
        {
            if (await MessageReads.PinsAsync(collections, roomId, long.MaxValue, head.FirstSeq, pending, limit: null) is { Count: > 0 } pins)
            {
                counts[roomId] = pins.Count;
            }
        }

        return counts;
    }, cancellationToken);

    public Task<LogView?> ReadEventsAsync(
        string roomId, long fromSeq, long toSeq, ReadLimit limit, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var epoch = EpochAsync();
        var head = await RoomReader.LastAsync(collections, roomId);
        if (head is null)
        {
            await epoch;
            return null;
        }

        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        var last = Math.Min(toSeq, head.Value.LastSeq);
        var events = new Bounded<RoomEvent>(limit);
        using var cursor = await collections.Log.Find(new BsonDocument
        {
            { LogField.Room, roomId }, { LogField.Last, new BsonDocument { { "$gte", fromSeq }, { "$lte", head.Value.LastSeq } } },
        }).Sort(new BsonDocument(LogField.Last, 1)).Limit(limit.Count + 1).ToCursorAsync(CancellationToken.None);
        while (!events.HasMore && await cursor.MoveNextAsync(CancellationToken.None))
        {
            foreach (var entry in cursor.Current.SelectMany(LogDocuments.EntriesOf).Where(entry => LogDocuments.SeqOf(entry) >= fromSeq && LogDocuments.SeqOf(entry) <= last))
            {
                var body = pending.BodyOf(roomId, entry);
                events.Add(RoomEvent.Parser.ParseFrom(body), body.Length);
            }
        }

        return new LogView(await epoch, head.Value.LastSeq, events.Items, events.HasMore);
    }, cancellationToken);

    public Task<RoomsPage> ListRoomsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var epoch = await EpochAsync();
        var rooms = new List<MemberRoom>();
        var (after, isEnd) = (afterRoomId, false);
        while (rooms.Count <= limit && !isEnd)
        {
            var part = await RoomReader.RoomsOfAsync(collections, userId, after, limit + 1);
            var heads = await RoomReader.LastAsync(collections, part.Rooms.Select(room => room.RoomId));
            rooms.AddRange(part.Rooms.Where(room => heads.TryGetValue(room.RoomId, out var head) && !head.IsDeleted)
                .Select(room => new MemberRoom(room.RoomId, room.Member[MemberField.Role].AsString, heads[room.RoomId].LastSeq, heads[room.RoomId].Messages)));
            (after, isEnd) = (part.Last, part.IsEnd);
        }

        var hasMore = rooms.Count > limit;
        return new RoomsPage(epoch, hasMore ? rooms[..limit] : rooms, hasMore);
    }, cancellationToken);

    public Task<FeedHeads> ReadFeedHeadsAsync(CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var epoch = EpochAsync();
        var heads = await _append.HeadsAsync();
        return new FeedHeads(await epoch, heads);
    }, cancellationToken);

    public Task<FeedPage> ReadFeedAsync(FeedHeads heads, int partition, FeedPosition from, ReadLimit limit, CancellationToken cancellationToken)
    {
        var head = heads.ByPartition.GetValueOrDefault(partition);
        return from.OwnerEpoch > head.OwnerEpoch || (from.OwnerEpoch == head.OwnerEpoch && from.Flush > head.Flush)
            ? Task.FromResult(new FeedPage(heads.Epoch, [], from, HasMore: false))
            : TryAsync(async () => await MongoFeed.ReadAsync(collections, partition, from, head, limit) with { Epoch = heads.Epoch }, cancellationToken);
    }

    public ValueTask DisposeAsync() => collections.Connection.DisposeAsync();

    /// <param name="reader">The room, and who reads.</param>
    /// <param name="read">One message more than the limit, if there is one, in the direction of the read.</param>
    /// <param name="limit">Of messages.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    /// <param name="isBackwards">The read goes towards the beginning; the view does not.</param>
    private Task<RoomView?> ReadViewAsync(
        MemberKey reader, Func<StoredHead, PendingEffects, Task<List<CurrentMessage>>> read, ReadLimit limit, CancellationToken cancellationToken,
        bool isBackwards = false) => TryAsync(async () =>
    {
        var epoch = EpochAsync();
        var isThere = true;
        var view = await RoomReader.OfOneMomentAsync(async () =>
        {
            if (await RoomReader.LastAsync(collections, reader.RoomId) is not { IsDeleted: false } head)
            {
                isThere = false;
                return new RoomView("", default, default, [], HasMore: false);
            }

            var pending = await RoomReader.PendingAsync(collections, [reader.RoomId]);
            var (members, candidates) = (RoomReader.MembersAsync(collections, [reader]), read(head, pending));
            await Task.WhenAll(members, candidates);
            var member = pending.MemberOf(reader, (await members).GetValueOrDefault(reader));
            var messages = new Bounded<Message>(limit);
            var newest = member is null ? 0 : PendingEffects.SeqOf(member);
            foreach (var message in await candidates)
            {
                newest = Math.Max(newest, message.Message.UpdatedSeq);
                messages.Add(message.Message, message.Bytes);
            }

            if (isBackwards)
            {
                messages.Items.Reverse();
            }

            return newest > head.LastSeq
                ? null
                : new RoomView("", head.ToView(reader.RoomId), (member is null ? Membership.None : RoomReader.MembershipOf(member) with { InvitedBy = "" }), messages.Items, messages.HasMore);
        });
        var of = await epoch;
        return isThere ? view with { Epoch = of } : null;
    }, cancellationToken);

    private async Task<LoadedRooms?> TryLoadAsync(IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members)
    {
        var epoch = EpochAsync();
        var heads = await RoomReader.LastAsync(collections, roomIds.Concat(members.Select(member => member.RoomId)));
        var pending = await RoomReader.PendingAsync(collections, heads.Keys);
        var ownerCounts = RoomReader.OwnersAsync(collections, roomIds, pending);
        var written = await RoomReader.MembersAsync(collections, members);
        var (owners, newest) = await ownerCounts;
        var loaded = new LoadedRooms(await epoch, new(roomIds.Count, StringComparer.Ordinal), new(members.Count));
        foreach (var roomId in roomIds)
        {
            if (heads.TryGetValue(roomId, out var head))
            {
                if (newest.GetValueOrDefault(roomId) > head.LastSeq)
                {
                    return null;
                }

                loaded.Rooms[roomId] = head.ToView(roomId) with
                {
                    Settings = head.Settings is null ? null : RoomSettings.Parser.ParseFrom(head.Settings), IsDeleted = head.IsDeleted, Owners = owners.GetValueOrDefault(roomId),
                };
            }
        }

        foreach (var key in members)
        {
            if (pending.MemberOf(key, written.GetValueOrDefault(key)) is { } member && PendingEffects.SeqOf(member) > 0)
            {
                if (!heads.TryGetValue(key.RoomId, out var head) || PendingEffects.SeqOf(member) > head.LastSeq)
                {
                    return null;
                }

                loaded.Members[key] = RoomReader.MembershipOf(member);
            }
        }

        return loaded;
    }

    private async Task<string> EpochAsync() => Seen(await collections.ReadEpochAsync());

    /// <summary>Another process may have renewed it.</summary>
    private string Seen(string epoch)
    {
        if (_epoch is not null && _epoch != epoch)
        {
            _epoch = epoch;
        }

        return epoch;
    }

    private Task<T> TryAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken) => collections.Connection.TryAsync(work, cancellationToken);
}
