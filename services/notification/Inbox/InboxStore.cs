using System.Data.Common;
using System.Globalization;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Inbox;

/// <summary>The users' inboxes: every change is one of a transaction's commands.</summary>
internal sealed class InboxStore(NotificationStore store, IEnumerable<IInboxListener> listeners, TimeProvider time)
{
    private const string Columns = """
        notification_id, useq, kind, title, body, link, sound, created_at_ms, room_id, message_id, actor_id, actor_name, is_read, seq, rooms
        """;

    private readonly IInboxListener[] _listeners = [.. listeners];

    private ISqlDialect Dialect => store.Dialect;

    /// <summary>Puts what is wanted into the inboxes of those who want it, have not read it, and do not have it yet.</summary>
    /// <returns>What is new, in the order in which it was wanted.</returns>
    public async Task<List<Made>> AddAsync(DbCommand command, IReadOnlyList<Wanted> wanted)
    {
        var now = time.GetUtcNow();
        var known = await FindKnownAsync(command, wanted);
        var reads = await FindReadsAsync(command, wanted);
        var preferences = await FindPreferencesAsync(command, [.. wanted.Select(one => one.UserId).Distinct(StringComparer.Ordinal)]);
        List<(Wanted Wanted, string Sound)> taken = [];
        List<KeptOut> kept = [];
        foreach (var one in wanted)
        {
            var own = preferences.GetValueOrDefault(one.UserId);
            var hasRead = one.IsRead || (one.Item.Seq > 0 && reads.GetValueOrDefault((one.UserId, one.Item.RoomId)) >= one.Item.Seq);
            var verdict = hasRead ? new Verdict(null, Withheld.Read) : PreferenceRules.Decide(own, one.Item.Kind, one.Item.RoomId, one.Sound, now);
            if (verdict.Sound is not { } sound)
            {
                if (!known.Contains((one.UserId, one.EventId)))
                {
                    kept.Add(new KeptOut(one, verdict.Reason, own));
                }
            }
            else if (known.Add((one.UserId, one.EventId)))
            {
                taken.Add((one, sound));
            }
        }

        if (kept.Count > 0)
        {
            foreach (var listener in _listeners)
            {
                await listener.OnKeptOutAsync(command, kept, now);
            }
        }

        if (taken.Count == 0)
        {
            return [];
        }

        var counts = await CountUpAsync(command, taken);
        List<Made> made = [];
        foreach (var (one, sound) in taken)
        {
            var count = counts[one.UserId];
            var item = one.Item.Clone();
            (item.NotificationId, item.Useq, item.Sound) = (Guid.CreateVersion7(now).ToString(), ++count.LastUseq, sound);
            made.Add(new Made(one.UserId, one.EventId, item, ++count.Unread, preferences.GetValueOrDefault(one.UserId)));
        }

        await InsertAsync(command, made);
        foreach (var listener in _listeners)
        {
            await listener.OnMadeAsync(command, made, now);
        }

        return made;
    }

    /// <summary>Removes what is about a message that was deleted.</summary>
    public async Task<List<Ended>> RemoveAsync(DbCommand command, string messageId)
    {
        foreach (var listener in _listeners)
        {
            await listener.OnDeletedAsync(command, messageId);
        }

        var removed = await command.With(
            "delete from notification_inbox where message_id = @message returning user_id, notification_id, room_id, is_read", ("message", messageId))
            .ListAsync(ReadEnded);
        return await EndAsync(command, [.. removed.OrderBy(row => row.UserId, StringComparer.Ordinal)], isRemoved: true, upToUseq: 0);
    }

    /// <summary>What was told of a message shows what it says now: what it said before is not kept.</summary>
    public static Task ReviseAsync(DbCommand command, string eventId, string messageId, string body) => command.With(
        "update notification_inbox set body = @body where message_id = @message and event_id = @event",
        ("body", body), ("message", messageId), ("event", eventId)).RunAsync();

    /// <summary>Removes what a user was told of a room, or what everybody was.</summary>
    /// <param name="command">Of the transaction.</param>
    /// <param name="roomId">The room.</param>
    /// <param name="userId">Whose; empty: everybody's.</param>
    /// <param name="beforeSeq">Only what is about entries before this seq.</param>
    public async Task<List<Ended>> RemoveOfRoomAsync(DbCommand command, string roomId, string userId, long beforeSeq)
    {
        foreach (var listener in _listeners)
        {
            await listener.OnShutOutAsync(command, roomId, userId, beforeSeq);
        }

        var removed = await command.With(
            $"""
            delete from notification_inbox where room_id = @room and seq < @seq and {(userId.Length > 0 ? "user_id = @user" : "seq > 0")}
            returning user_id, notification_id, room_id, is_read
            """,
            ("room", roomId), ("seq", beforeSeq), ("user", userId))
            .ListAsync(ReadEnded);
        return await EndAsync(command, [.. removed.OrderBy(row => row.UserId, StringComparer.Ordinal)], isRemoved: true, upToUseq: 0);
    }

    /// <summary>Removes what others were told of a user's doing.</summary>
    /// <param name="command">Of the transaction.</param>
    /// <param name="actorId">Who.</param>
    /// <param name="limit">At most so many; more may be left when it is as many.</param>
    public async Task<List<Ended>> RemoveOfActorAsync(DbCommand command, string actorId, int limit)
    {
        var removed = await command.With(
            """
            delete from notification_inbox where (user_id, useq) in (
                select user_id, useq from notification_inbox where actor_id = @actor and actor_id <> '' limit @count)
            returning user_id, notification_id, room_id, is_read
            """,
            ("actor", actorId), ("count", limit))
            .ListAsync(ReadEnded);
        return await EndAsync(command, [.. removed.OrderBy(row => row.UserId, StringComparer.Ordinal)], isRemoved: true, upToUseq: 0);
    }

    /// <summary>Marks notifications of a user as read.</summary>
    /// <param name="command">Of the transaction.</param>
    /// <param name="request">Which ones.</param>
    /// <returns>What changed; nothing when all were read already.</returns>
    public async Task<Ended> MarkAsync(DbCommand command, MarkReadRequest request)
    {
        var byIds = request.NotificationIds.Count > 0;
        var which = byIds ? $"notification_id in (select id from {Dialect.RowsTable("ids", "id")} i)" : "useq <= @up_to";
        command.With(
            $"update notification_inbox set is_read = true where user_id = @user and not is_read and {which} returning user_id, notification_id, room_id, false",
            ("user", request.UserId), ("up_to", request.All ? long.MaxValue : request.UpToUseq));
        if (byIds)
        {
            Dialect.AddRows(command, "ids", [.. request.NotificationIds]);
        }

        var marked = await command.ListAsync(ReadEnded);
        var upTo = request.All ? await LastUseqAsync(command, request.UserId) : request.UpToUseq;
        var ended = await EndAsync(command, marked, isRemoved: false, byIds ? 0 : upTo);
        return ended is [var one] ? one : new Ended(request.UserId, new NotificationsRead { Unread = await UnreadAsync(command, request.UserId) }, []);
    }

    /// <summary>Users have read rooms up to a seq.</summary>
    public async Task<List<Ended>> MarkRoomsAsync(DbCommand command, IReadOnlyCollection<RoomRead> reads, int partitions)
    {
        RoomRead[] newest = [.. reads.GroupBy(read => (read.UserId, read.RoomId)).Select(group => group.MaxBy(read => read.Seq)!)
            .OrderBy(read => read.UserId, StringComparer.Ordinal).ThenBy(read => read.RoomId, StringComparer.Ordinal)];
        var rows = Dialect.RowsTable("rows", "user_id", "room_id", "partition", "seq");
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
        var marked = await command.ListAsync(ReadEnded);
        return await EndAsync(command, [.. marked.OrderBy(row => row.UserId, StringComparer.Ordinal)], isRemoved: false, upToUseq: 0);

        void AddRows() => Dialect.AddRows(
            command, "rows", [.. newest.Select(read => read.UserId)], [.. newest.Select(read => read.RoomId)],
            [.. newest.Select(read => Text(Partitioner.PartitionOf(read.RoomId, partitions)))], [.. newest.Select(read => Text(read.Seq))]);
    }

    /// <summary>A user has read a thread up to a seq.</summary>
    public async Task<List<Ended>> MarkThreadAsync(DbCommand command, MarkThreadRequest request)
    {
        var marked = await command.With(
            """
            update notification_inbox set is_read = true
            where user_id = @user and room_id = @room and not is_read
                and seq in (select r.seq from notification_replies r where r.root_id = @root and r.room_id = @room and r.seq <= @seq)
            returning user_id, notification_id, room_id, false
            """,
            ("user", request.UserId), ("room", request.RoomId), ("root", request.RootId), ("seq", request.ReadSeq)).ListAsync(ReadEnded);
        return await EndAsync(command, marked, isRemoved: false, upToUseq: 0);
    }

    /// <summary>A page of an inbox, newest first.</summary>
    public Task<Contracts.Inbox> ReadAsync(GetInboxRequest request, CancellationToken cancellationToken) => store.ReadAsync(async command =>
    {
        var counts = await command.With("select last_useq, unread from notification_users where user_id = @user", ("user", request.UserId))
            .FirstAsync(row => (LastUseq: row.GetInt64(0), Unread: row.GetInt32(1)));
        var inbox = new Contracts.Inbox { LastUseq = counts.LastUseq, Unread = (uint)counts.Unread };
        if (request.Limit > 0)
        {
            var rows = await command.With(
                $"""
                select {Columns} from notification_inbox
                where user_id = @user and useq < @before {(request.UnreadOnly ? "and not is_read" : "")} order by useq desc limit @count
                """,
                ("user", request.UserId), ("before", request.BeforeUseq == 0 ? long.MaxValue : request.BeforeUseq), ("count", (long)request.Limit + 1))
                .ListAsync(Read);
            inbox.HasMore = rows.Count > request.Limit;
            inbox.Notifications.AddRange(rows.Take((int)request.Limit));
        }

        return inbox;
    }, cancellationToken);

    /// <summary>How often a user is mentioned in rooms and has not read it; a room in which that is not so is absent from the result.</summary>
    public Task<Dictionary<string, uint>> CountMentionsAsync(string userId, IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) =>
        store.ReadAsync(async command =>
        {
            command.With(
                $"""
                select r.room_id, count(*) from {Dialect.RowsTable("rows", "room_id")} r
                join notification_inbox i on i.user_id = @user and i.room_id = r.room_id and not i.is_read
                    and i.kind in ('{NotificationKinds.Mention}', '{NotificationKinds.MentionRoom}', '{NotificationKinds.MentionHere}')
                group by r.room_id
                """,
                ("user", userId));
            Dialect.AddRows(command, "rows", [.. roomIds.Distinct(StringComparer.Ordinal)]);
            return (await command.ListAsync(row => (RoomId: row.GetString(0), Mentions: (uint)row.GetInt64(1)))).ToDictionary(
                row => row.RoomId, row => row.Mentions, StringComparer.Ordinal);
        }, cancellationToken);

    /// <summary>Removes what is old.</summary>
    /// <returns>How many were removed; more may be left when it is <paramref name="limit"/>.</returns>
    public Task<int> PruneAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken) => store.WriteAsync(async command =>
    {
        var removed = await command.With(
            """
            delete from notification_inbox where (user_id, useq) in (
                select user_id, useq from notification_inbox where created_at_ms < @before order by created_at_ms limit @count)
            returning user_id, notification_id, room_id, is_read
            """,
            ("before", before.ToUnixTimeMilliseconds()), ("count", limit))
            .ListAsync(ReadEnded);
        await EndAsync(command, [.. removed.OrderBy(row => row.UserId, StringComparer.Ordinal)], isRemoved: true, upToUseq: 0);
        return removed.Count;
    }, cancellationToken);

    /// <summary>The transaction that changed inboxes is committed.</summary>
    public void OnCommitted()
    {
        foreach (var listener in _listeners)
        {
            listener.OnCommitted();
        }
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
        NotificationId = row.GetString(0), Useq = row.GetInt64(1), Kind = row.GetString(2), Title = row.GetString(3), Body = row.GetString(4), Link = row.GetString(5),
        Sound = row.GetString(6), CreatedAtMs = row.GetInt64(7), RoomId = row.GetString(8), MessageId = row.GetString(9), UserId = row.GetString(10),
        Username = row.GetString(11), Read = row.GetBoolean(12), Seq = row.GetInt64(13),
    };

    private async Task<HashSet<(string UserId, string EventId)>> FindKnownAsync(DbCommand command, IReadOnlyList<Wanted> wanted)
    {
        command.With($"""
            select i.user_id, i.event_id from {Dialect.RowsTable("rows", "user_id", "event_id")} r
            join notification_inbox i on i.user_id = r.user_id and i.event_id = r.event_id
            """);
        Dialect.AddRows(command, "rows", [.. wanted.Select(one => one.UserId)], [.. wanted.Select(one => one.EventId)]);
        return [.. await command.ListAsync(row => (row.GetString(0), row.GetString(1)))];
    }

    private async Task<Dictionary<(string UserId, string RoomId), long>> FindReadsAsync(DbCommand command, IReadOnlyList<Wanted> wanted)
    {
        (string UserId, string RoomId)[] places = [.. wanted.Where(one => one.Item.Seq > 0).Select(one => (one.UserId, one.Item.RoomId)).Distinct()];
        command.With($"""
            select n.user_id, n.room_id, n.seq from {Dialect.RowsTable("rows", "user_id", "room_id")} r
            join notification_reads n on n.user_id = r.user_id and n.room_id = r.room_id
            """);
        Dialect.AddRows(command, "rows", [.. places.Select(place => place.UserId)], [.. places.Select(place => place.RoomId)]);
        return (await command.ListAsync(row => (Place: (row.GetString(0), row.GetString(1)), Seq: row.GetInt64(2)))).ToDictionary(row => row.Place, row => row.Seq);
    }

    private async Task<Dictionary<string, NotificationPreferences>> FindPreferencesAsync(DbCommand command, string[] userIds)
    {
        command.With($"""
            select u.user_id, u.preferences from {Dialect.RowsTable("rows", "user_id")} r
            join notification_users u on u.user_id = r.user_id where u.preferences is not null
            """);
        Dialect.AddRows(command, "rows", userIds);
        return (await command.ListAsync(row => (UserId: row.GetString(0), Json: row.GetString(1))))
            .ToDictionary(row => row.UserId, row => PreferenceStore.Parse(row.Json), StringComparer.Ordinal);
    }

    // Always in the order of the user ids, so that two transactions do not wait for each other.
    private async Task<Dictionary<string, Count>> CountUpAsync(DbCommand command, List<(Wanted Wanted, string Sound)> taken)
    {
        var news = taken.GroupBy(one => one.Wanted.UserId).Select(group => (UserId: group.Key, Count: group.Count())).OrderBy(one => one.UserId, StringComparer.Ordinal).ToArray();
        command.With($"""
            insert into notification_users (user_id, last_useq, unread)
            select user_id, cast(news as bigint), cast(news as integer) from {Dialect.RowsTable("rows", "user_id", "news")} r where true order by user_id
            on conflict (user_id) do update
                set last_useq = notification_users.last_useq + excluded.last_useq, unread = notification_users.unread + excluded.unread
            returning user_id, last_useq, unread
            """);
        Dialect.AddRows(command, "rows", [.. news.Select(one => one.UserId)], [.. news.Select(one => Text(one.Count))]);
        var counts = (await command.ListAsync(row => (UserId: row.GetString(0), LastUseq: row.GetInt64(1), Unread: row.GetInt32(2))))
            .ToDictionary(row => row.UserId, row => new Count { LastUseq = row.LastUseq, Unread = (uint)row.Unread }, StringComparer.Ordinal);
        foreach (var (userId, count) in news)
        {
            counts[userId].LastUseq -= count; // As before: they are given out one by one.
            counts[userId].Unread -= (uint)count;
        }

        return counts;
    }

    // What a digest sums up is kept as the JSON of a notification that has nothing else.
    private static string RoomsOf(Notification item) => item.Rooms.Count > 0 ? JsonFormatter.Default.Format(new Notification { Rooms = { item.Rooms } }) : "";

    private async Task InsertAsync(DbCommand command, List<Made> made)
    {
        var rows = Dialect.RowsTable(
            "rows", "user_id", "useq", "notification_id", "event_id", "kind", "title", "body", "link", "sound", "created_at_ms", "room_id", "message_id", "seq",
            "actor_id", "actor_name", "rooms");
        command.With($"""
            insert into notification_inbox
                (user_id, useq, notification_id, event_id, kind, title, body, link, sound, created_at_ms, room_id, message_id, seq, actor_id, actor_name, is_read, rooms)
            select user_id, cast(useq as bigint), notification_id, event_id, kind, title, body, link, sound, cast(created_at_ms as bigint), room_id, message_id,
                cast(seq as bigint), actor_id, actor_name, false, nullif(rooms, '') from {rows} r
            """);
        Dialect.AddRows(
            command, "rows",
            Column(one => one.UserId), Column(one => Text(one.Item.Useq)), Column(one => one.Item.NotificationId), Column(one => one.EventId),
            Column(one => one.Item.Kind), Column(one => one.Item.Title), Column(one => one.Item.Body), Column(one => one.Item.Link), Column(one => one.Item.Sound),
            Column(one => Text(one.Item.CreatedAtMs)), Column(one => one.Item.RoomId), Column(one => one.Item.MessageId), Column(one => Text(one.Item.Seq)),
            Column(one => one.Item.UserId), Column(one => one.Item.Username), Column(one => RoomsOf(one.Item)));
        await command.RunAsync();

        string[] Column(Func<Made, string> value) => [.. made.Select(value)];
    }

    /// <param name="command">Of the transaction.</param>
    /// <param name="rows">Rows that changed, by user.</param>
    /// <param name="isRemoved">They are gone.</param>
    /// <param name="upToUseq">Told in the place of the ids; 0: the ids are told.</param>
    private async Task<List<Ended>> EndAsync(DbCommand command, IReadOnlyList<EndedItem> rows, bool isRemoved, long upToUseq)
    {
        List<Ended> ended = [];
        foreach (var user in rows.GroupBy(row => row.UserId))
        {
            var unread = await command.With(
                "update notification_users set unread = unread - @count where user_id = @user returning unread",
                ("count", user.Count(row => !row.IsRead)), ("user", user.Key)).FirstAsync(row => row.GetInt32(0));
            var what = new NotificationsRead { Unread = (uint)unread, Removed = isRemoved, UpToUseq = upToUseq };
            if (upToUseq == 0)
            {
                what.NotificationIds.AddRange(user.Select(row => row.Id));
            }

            ended.Add(new Ended(user.Key, what, [.. user]));
        }

        if (ended.Count > 0)
        {
            var now = time.GetUtcNow();
            foreach (var listener in _listeners)
            {
                await listener.OnEndedAsync(command, ended, now);
            }
        }

        return ended;
    }

    private static async Task<uint> UnreadAsync(DbCommand command, string userId) =>
        (uint)await command.With("select unread from notification_users where user_id = @user", ("user", userId)).FirstAsync(row => row.GetInt32(0));

    private static Task<long> LastUseqAsync(DbCommand command, string userId) =>
        command.With("select last_useq from notification_users where user_id = @user", ("user", userId)).FirstAsync(row => row.GetInt64(0));

    private sealed class Count
    {
        public long LastUseq { get; set; }

        public uint Unread { get; set; }
    }
}
