using System.Data.Common;
using System.Globalization;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>Inboxes on SQLite or PostgreSQL. The unread notifications of each user are counted in the row of the user.</summary>
internal sealed class SqlInboxRows(ISqlDialect dialect, DbCommand command) : IInboxRows
{
    private const string Columns = """
        notification_id, useq, kind, title, body, link, sound, created_at_ms, room_id, message_id, actor_id, actor_name, is_read, seq, rooms
        """;

    private const string Removed = "returning user_id, notification_id, room_id, is_read";

    public async Task<HashSet<(string UserId, string EventId)>> FindKnownAsync(IReadOnlyList<Wanted> wanted)
    {
        command.With($"""
            select i.user_id, i.event_id from {dialect.RowsTable("rows", "user_id", "event_id")} r
            join notification_inbox i on i.user_id = r.user_id and i.event_id = r.event_id
            """);
        dialect.AddRows(command, "rows", [.. wanted.Select(one => one.UserId)], [.. wanted.Select(one => one.EventId)]);
        return [.. await command.ListAsync(row => (row.GetString(0), row.GetString(1)))];
    }

    public async Task<Dictionary<(string UserId, string RoomId), long>> FindReadsAsync(IReadOnlyList<Wanted> wanted)
    {
        (string UserId, string RoomId)[] places = [.. wanted.Where(one => one.Item.Seq > 0).Select(one => (one.UserId, one.Item.RoomId)).Distinct()];
        command.With($"""
            select n.user_id, n.room_id, n.seq from {dialect.RowsTable("rows", "user_id", "room_id")} r
            join notification_reads n on n.user_id = r.user_id and n.room_id = r.room_id
            """);
        dialect.AddRows(command, "rows", [.. places.Select(place => place.UserId)], [.. places.Select(place => place.RoomId)]);
        return (await command.ListAsync(row => (Place: (row.GetString(0), row.GetString(1)), Seq: row.GetInt64(2))))
            .ToDictionary(row => row.Place, row => row.Seq);
    }

    public async Task<List<Made>> AddAsync(IReadOnlyList<Taken> taken, DateTimeOffset now)
    {
        var counts = await CountUpAsync(taken);

        // The users' rows are locked now: what another round was faster with is seen from here on, and no more can come.
        var known = await FindKnownAsync([.. taken.Select(one => one.Wanted)]);
        if (known.Count > 0)
        {
            await CountBackAsync([.. known.Select(one => one.UserId)]);
        }

        List<(Made Made, string Otherwise)> made = [];
        foreach (var (one, sound, preferences) in taken.Where(one => !known.Contains((one.Wanted.UserId, one.Wanted.EventId))))
        {
            var count = counts[one.UserId];
            var item = one.Item.Clone();
            (item.NotificationId, item.Useq, item.Sound) = (Guid.CreateVersion7(now).ToString(), ++count.LastUseq, sound);
            made.Add((new Made(one.UserId, one.EventId, item, ++count.Unread, preferences), one.Otherwise));
        }

        await InsertAsync(made);
        return made.ConvertAll(one => one.Made);
    }

    public Task<List<EndedItem>> RemoveOfMessageAsync(string messageId) =>
        command.With($"delete from notification_inbox where message_id = @message {Removed}", ("message", messageId)).ListAsync(ReadEnded);

    // What a server sent about the room is not of its entries: it goes only from those who are shut out.
    public Task<List<EndedItem>> RemoveOfRoomAsync(RoomItems items) =>
        command.WithRoom(dialect, "delete from notification_inbox", items, items.UserIds is null ? $"and seq > 0 {Removed}" : Removed).ListAsync(ReadEnded);

    public Task<List<string>> UsersOfRoomAsync(string roomId) =>
        command.With("select distinct user_id from notification_inbox where room_id = @room", ("room", roomId)).ListAsync(row => row.GetString(0));

    public Task<List<EndedItem>> RemoveOfActorAsync(string actorId, int limit) => command.With(
        $"""
        delete from notification_inbox where (user_id, useq) in (
            select user_id, useq from notification_inbox where actor_id = @actor and actor_id <> '' limit @count)
        {Removed}
        """,
        ("actor", actorId), ("count", limit)).ListAsync(ReadEnded);

    public Task<List<EndedItem>> RemoveOlderAsync(DateTimeOffset before, int limit) => command.With(
        $"""
        delete from notification_inbox where (user_id, useq) in (
            select user_id, useq from notification_inbox where created_at_ms < @before order by created_at_ms limit @count)
        {Removed}
        """,
        ("before", before.ToUnixTimeMilliseconds()), ("count", limit)).ListAsync(ReadEnded);

    // Always in the order of the user ids, as when they are counted up: an insert keeps it, an update would not.
    public async Task<Dictionary<string, uint>> CountDownAsync(IReadOnlyList<EndedItem> ended)
    {
        var users = ended.GroupBy(row => row.UserId, StringComparer.Ordinal).ToArray();
        command.With($"""
            insert into notification_users (user_id, last_useq, unread)
            select user_id, 0, cast(ended as integer) from {dialect.RowsTable("rows", "user_id", "ended")} r where true order by user_id
            on conflict (user_id) do update set unread = notification_users.unread - excluded.unread
            returning user_id, unread
            """);
        dialect.AddRows(command, "rows", [.. users.Select(user => user.Key)], [.. users.Select(user => Text(user.Count(row => !row.IsRead)))]);
        return (await command.ListAsync(row => (UserId: row.GetString(0), Unread: (uint)row.GetInt32(1)))).ToDictionary(
            row => row.UserId, row => row.Unread, StringComparer.Ordinal);
    }

    public Task<List<ToldItem>> ListOfEventAsync(string eventId, string messageId) => command.With(
        "select user_id, kind, otherwise from notification_inbox where message_id = @message and event_id = @event", ("message", messageId), ("event", eventId))
        .ListAsync(row => new ToldItem(row.GetString(0), row.GetString(1), row.GetString(2)));

    public Task<List<EndedItem>> RemoveOfEventAsync(string eventId, string messageId, IReadOnlyCollection<string> userIds)
    {
        command.With(
            $"""
            delete from notification_inbox where message_id = @message and event_id = @event and user_id in (select user_id from {dialect.RowsTable("users", "user_id")} u)
            {Removed}
            """,
            ("message", messageId), ("event", eventId));
        dialect.AddRows(command, "users", [.. userIds]);
        return command.ListAsync(ReadEnded);
    }

    public async Task SetKindsAsync(string eventId, string messageId, IReadOnlyDictionary<string, string> kinds)
    {
        foreach (var kind in kinds.GroupBy(user => user.Value, user => user.Key, StringComparer.Ordinal))
        {
            command.With(
                $"""
                update notification_inbox set kind = @kind
                where message_id = @message and event_id = @event and user_id in (select user_id from {dialect.RowsTable("users", "user_id")} u)
                """,
                ("kind", kind.Key), ("message", messageId), ("event", eventId));
            dialect.AddRows(command, "users", [.. kind]);
            await command.RunAsync();
        }
    }

    public Task<List<EndedItem>> ReviseAsync(string eventId, string messageId, string body) => command.With(
        $"update notification_inbox set body = @body where message_id = @message and event_id = @event {Removed}",
        ("body", body), ("message", messageId), ("event", eventId)).ListAsync(ReadEnded);

    public Task<List<EndedItem>> MarkAsync(string userId, IReadOnlyCollection<string> ids, long upToUseq)
    {
        var which = ids.Count > 0 ? $"notification_id in (select id from {dialect.RowsTable("ids", "id")} i)" : "useq <= @up_to";
        command.With(
            $"update notification_inbox set is_read = true where user_id = @user and not is_read and {which} returning user_id, notification_id, room_id, false",
            ("user", userId), ("up_to", upToUseq));
        if (ids.Count > 0)
        {
            dialect.AddRows(command, "ids", [.. ids]);
        }

        return command.ListAsync(ReadEnded);
    }

    public async Task<List<EndedItem>> MarkRoomsAsync(IReadOnlyList<RoomRead> reads, int partitions)
    {
        var rows = dialect.RowsTable("rows", "user_id", "room_id", "partition", "seq");
        command.With($"""
            insert into notification_reads (user_id, room_id, partition, seq)
            select user_id, room_id, cast(partition as integer), cast(seq as bigint) from {rows} r where true
            on conflict (user_id, room_id) do update set seq = excluded.seq where excluded.seq > notification_reads.seq
            """);
        AddRows();
        await command.RunAsync();
        command.With($"""
            update notification_inbox set is_read = true from {rows} r
            where notification_inbox.user_id = r.user_id and notification_inbox.room_id = r.room_id and not is_read
                and notification_inbox.seq between 1 and cast(r.seq as bigint)
            returning notification_inbox.user_id, notification_id, notification_inbox.room_id, false
            """);
        AddRows();
        return await command.ListAsync(ReadEnded);

        void AddRows() => dialect.AddRows(
            command, "rows", [.. reads.Select(read => read.UserId)], [.. reads.Select(read => read.RoomId)],
            [.. reads.Select(read => Text(Partitioner.PartitionOf(read.RoomId, partitions)))], [.. reads.Select(read => Text(read.Seq))]);
    }

    public Task<List<EndedItem>> MarkThreadAsync(MarkThreadRequest request) => command.With(
        """
        update notification_inbox set is_read = true
        where user_id = @user and room_id = @room and not is_read
            and seq in (select r.seq from notification_replies r where r.root_id = @root and r.room_id = @room and r.seq <= @seq)
        returning user_id, notification_id, room_id, false
        """,
        ("user", request.UserId), ("room", request.RoomId), ("root", request.RootId), ("seq", request.ReadSeq)).ListAsync(ReadEnded);

    public Task<(long LastUseq, uint Unread)> CountAsync(string userId) => command.With(
        "select last_useq, unread from notification_users where user_id = @user", ("user", userId)).FirstAsync(row => (row.GetInt64(0), (uint)row.GetInt32(1)));

    public Task<List<Notification>> PageAsync(string userId, long beforeUseq, bool unreadOnly, int limit) => command.With(
        $"""
        select {Columns} from notification_inbox
        where user_id = @user and useq < @before {(unreadOnly ? "and not is_read" : "")} order by useq desc limit @count
        """,
        ("user", userId), ("before", beforeUseq), ("count", (long)limit)).ListAsync(Read);

    public async Task<Dictionary<string, uint>> CountMentionsAsync(string userId, IReadOnlyCollection<string> roomIds)
    {
        command.With(
            $"""
            select r.room_id, count(*) from {dialect.RowsTable("rows", "room_id")} r
            join notification_inbox i on i.user_id = @user and i.room_id = r.room_id and not i.is_read
                and i.kind in ('{NotificationKinds.Mention}', '{NotificationKinds.MentionRoom}', '{NotificationKinds.MentionHere}')
            group by r.room_id
            """,
            ("user", userId));
        dialect.AddRows(command, "rows", [.. roomIds]);
        return (await command.ListAsync(row => (RoomId: row.GetString(0), Mentions: (uint)row.GetInt64(1)))).ToDictionary(
            row => row.RoomId, row => row.Mentions, StringComparer.Ordinal);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static EndedItem ReadEnded(DbDataReader row) => new(row.GetString(0), row.GetString(1), row.GetString(2), row.GetBoolean(3));

    private static Notification Read(DbDataReader row)
    {
        var item = ReadItem(row);
        if (!row.IsDBNull(14))
        {
            item.Rooms.AddRange(Notification.Parser.ParseJson(row.GetString(14)).Rooms);
        }

        return item;
    }

    private static Notification ReadItem(DbDataReader row) => new()
    {
        NotificationId = row.GetString(0), Useq = row.GetInt64(1), Kind = row.GetString(2), Title = row.GetString(3), Body = row.GetString(4),
        Link = row.GetString(5),
        Sound = row.GetString(6), CreatedAtMs = row.GetInt64(7), RoomId = row.GetString(8), MessageId = row.GetString(9), UserId = row.GetString(10),
        Username = row.GetString(11), Read = row.GetBoolean(12), Seq = row.GetInt64(13),
    };

    // Always in the order of the user ids, so that two transactions do not wait for each other.
    private async Task<Dictionary<string, Count>> CountUpAsync(IReadOnlyList<Taken> taken)
    {
        var news = taken.GroupBy(one => one.Wanted.UserId).Select(group => (UserId: group.Key, Count: group.Count()))
            .OrderBy(one => one.UserId, StringComparer.Ordinal).ToArray();
        command.With($"""
            insert into notification_users (user_id, last_useq, unread)
            select user_id, cast(news as bigint), cast(news as integer) from {dialect.RowsTable("rows", "user_id", "news")} r where true order by user_id
            on conflict (user_id) do update
                set last_useq = notification_users.last_useq + excluded.last_useq, unread = notification_users.unread + excluded.unread
            returning user_id, last_useq, unread
            """);
        dialect.AddRows(command, "rows", [.. news.Select(one => one.UserId)], [.. news.Select(one => Text(one.Count))]);
        var counts = (await command.ListAsync(row => (UserId: row.GetString(0), LastUseq: row.GetInt64(1), Unread: row.GetInt32(2))))
            .ToDictionary(row => row.UserId, row => new Count { LastUseq = row.LastUseq, Unread = (uint)row.Unread }, StringComparer.Ordinal);
        foreach (var (userId, count) in news)
        {
            counts[userId].LastUseq -= count; // As before: they are given out one by one.
            counts[userId].Unread -= (uint)count;
        }

        return counts;
    }

    /// <summary>Gives back a number for each of the users, once for each time that it is named.</summary>
    private async Task CountBackAsync(IReadOnlyCollection<string> userIds)
    {
        var users = userIds.GroupBy(userId => userId, StringComparer.Ordinal).ToArray();
        command.With($"""
            update notification_users set last_useq = last_useq - cast(r.news as bigint), unread = unread - cast(r.news as integer)
            from {dialect.RowsTable("rows", "user_id", "news")} r where notification_users.user_id = r.user_id
            """);
        dialect.AddRows(command, "rows", [.. users.Select(user => user.Key)], [.. users.Select(user => Text(user.Count()))]);
        await command.RunAsync();
    }

    // What a digest sums up is kept as the JSON of a notification that has nothing else.
    private static string RoomsOf(Notification item) => item.Rooms.Count > 0 ? JsonFormatter.Default.Format(new Notification { Rooms = { item.Rooms } }) : "";

    private async Task InsertAsync(List<(Made Made, string Otherwise)> made)
    {
        if (made.Count == 0)
        {
            return;
        }

        var rows = dialect.RowsTable(
            "rows", "user_id", "useq", "notification_id", "event_id", "kind", "title", "body", "link", "sound", "created_at_ms", "room_id", "message_id", "seq",
            "actor_id", "actor_name", "rooms", "otherwise");
        command.With($"""
            insert into notification_inbox
                (user_id, useq, notification_id, event_id, kind, title, body, link, sound, created_at_ms, room_id, message_id, seq, actor_id,
                    actor_name, is_read, rooms, otherwise)
            select user_id, cast(useq as bigint), notification_id, event_id, kind, title, body, link, sound, cast(created_at_ms as bigint), room_id, message_id,
                cast(seq as bigint), actor_id, actor_name, false, nullif(rooms, ''), otherwise from {rows} r
            """);
        dialect.AddRows(
            command, "rows",
            Column(one => one.UserId), Column(one => Text(one.Item.Useq)), Column(one => one.Item.NotificationId), Column(one => one.EventId),
            Column(one => one.Item.Kind), Column(one => one.Item.Title), Column(one => one.Item.Body), Column(one => one.Item.Link),
            Column(one => one.Item.Sound),
            Column(one => Text(one.Item.CreatedAtMs)), Column(one => one.Item.RoomId), Column(one => one.Item.MessageId), Column(one => Text(one.Item.Seq)),
            Column(one => one.Item.UserId), Column(one => one.Item.Username), Column(one => RoomsOf(one.Item)),
            [.. made.Select(one => one.Otherwise)]);
        await command.RunAsync();

        string[] Column(Func<Made, string> value) => [.. made.Select(one => value(one.Made))];
    }

    private sealed class Count
    {
        public long LastUseq { get; set; }

        public uint Unread { get; set; }
    }
}
