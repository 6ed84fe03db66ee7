using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>Read marks on MongoDB: fields of the member's document, so that a membership and its mark begin and end in one step.</summary>
internal sealed class MongoReadMarks(MessageCollections collections) : IReadMarks
{
    private const int AtOnce = 16;

    public Task WriteAsync(IReadOnlyCollection<ReadMark> marks, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        await collections.Members.UpsertWhenAsync([.. marks.Select(UpdateOf)]);
        return true;
    }, cancellationToken);

    public Task<Dictionary<MemberKey, ReadState>> ReadAsync(IReadOnlyCollection<MemberKey> readers, CancellationToken cancellationToken) =>
        collections.Connection.TryAsync(() => StatesAsync(readers), cancellationToken);

    public Task<long> CountUnreadAsync(string userId, CancellationToken cancellationToken) => collections.Connection.TryAsync(async () =>
    {
        var (unread, after, isEnd) = (0L, "", false);
        while (!isEnd)
        {
            var part = await RoomReader.RoomsOfAsync(collections, userId, after, limit: 1_000);
            var states = await StatesAsync([.. part.Rooms.Select(room => new MemberKey(room.RoomId, userId))]);
            unread += states.Values.Sum(state => state.Unread);
            (after, isEnd) = (part.Last, part.IsEnd);
        }

        return unread;
    }, cancellationToken);

    // An exact mark becomes what it says; the others only what is larger.
    private static UpdateOneModel<BsonDocument> UpdateOf(ReadMark mark)
    {
        var filter = new BsonDocument { { "_id", Effects.IdOf(mark.Reader.RoomId, mark.Reader.UserId) }, { MemberField.Room, mark.Reader.RoomId } };
        return new UpdateOneModel<BsonDocument>(
            mark.IsExact ? filter : filter.Add(MemberField.Mark, new BsonDocument("$not", new BsonDocument("$gte", mark.Seq))),
            new BsonDocument
            {
                { "$set", new BsonDocument(MemberField.Mark, mark.Seq) },
                { "$max", new BsonDocument(MemberField.OwnAfter, mark.IsExact ? mark.LastSeq : mark.Seq) },
                {
                    "$setOnInsert",
                    new BsonDocument
                    {
                        { MemberField.User, mark.Reader.UserId }, { MemberField.Name, "" }, { MemberField.Role, "" },
                        { MemberField.Seq, 0L },
                    }
                },
            });
    }

    private async Task<Dictionary<MemberKey, ReadState>> StatesAsync(IReadOnlyCollection<MemberKey> readers)
    {
        var states = new Dictionary<MemberKey, ReadState>();
        foreach (var part in readers.GroupBy(reader => reader.RoomId, StringComparer.Ordinal).Chunk(AtOnce))
        {
            foreach (var (reader, state) in (await Task.WhenAll(part.Select(room => RoomAsync(room.Key, [.. room.Distinct()])))).SelectMany(room => room))
            {
                states[reader] = state;
            }
        }

        return states;
    }

    private Task<List<KeyValuePair<MemberKey, ReadState>>> RoomAsync(string roomId, MemberKey[] readers) => RoomReader.OfOneMomentAsync(async () =>
    {
        var states = new List<KeyValuePair<MemberKey, ReadState>>();
        if (await RoomReader.LastAsync(collections, roomId) is not { } head)
        {
            return states;
        }

        var pending = await RoomReader.PendingAsync(collections, [roomId]);
        var written = await RoomReader.MembersAsync(collections, readers);
        List<BsonDocument>? newest = null;
        foreach (var reader in readers)
        {
            var member = pending.MemberOf(reader, written.GetValueOrDefault(reader));
            var mark = Of(member, MemberField.Mark);
            if (member is not null && Math.Max(mark, PendingEffects.SeqOf(member)) > head.LastSeq)
            {
                return null;
            }

            newest ??= mark < head.LastSeq ? await NewestAsync(roomId, head.LastSeq) : null;
            var ownAfter = Of(member, MemberField.OwnAfter);
            var own = newest?.LastOrDefault(
                entry => LogDocuments.SeqOf(entry) > ownAfter && LogDocuments.IsMessage(entry) && entry[LogField.Sender].AsString == reader.UserId);
            // What is kept no longer is not unread.
            var seq = Math.Max(own is null ? mark : LogDocuments.SeqOf(own), head.FirstSeq - 1);
            var count = own is not null && LogDocuments.SeqOf(own) == seq ? own[LogField.Count].AsInt64
                : seq == head.LastSeq ? head.Messages
                : await CountAtAsync(roomId, seq);
            states.Add(new(reader, new ReadState(seq, count, head.LastSeq, head.Messages)));
        }

        return states;
    });

    // The newest entries of a room, in ascending order.
    private async Task<List<BsonDocument>> NewestAsync(string roomId, long lastSeq)
    {
        var documents = await collections.Log.Find(RoomReader.InRoom(roomId, new BsonDocument { { "$gt", 0L }, { "$lte", lastSeq } }))
            .Sort(new BsonDocument(LogField.First, -1)).Limit(IReadMarks.OwnMessagesWithin)
            .Project(new BsonDocument($"{LogField.Entries}.{LogField.Body}", 0)).ToListAsync(CancellationToken.None);
        documents.Reverse();
        return [.. documents.SelectMany(LogDocuments.EntriesOf).TakeLast(IReadMarks.OwnMessagesWithin)];
    }

    // Where the log begins later than the mark, because its beginning was removed, the count before its first entry.
    private async Task<long> CountAtAsync(string roomId, long seq)
    {
        if (seq > 0 && await RoomReader.EntryAtAsync(collections, roomId, seq) is { } entry)
        {
            return entry[LogField.Count].AsInt64;
        }

        var first = await collections.Log.Find(RoomReader.InRoom(roomId)).Sort(new BsonDocument(LogField.First, 1))
            .Limit(1).FirstOrDefaultAsync(CancellationToken.None);
        return first is null ? 0 : first[LogField.Messages].AsInt64 - first[LogField.OwnMessages].AsInt32;
    }

    private static long Of(BsonDocument? member, string field) => member?.GetValue(field, 0L).ToInt64() ?? 0;
}
