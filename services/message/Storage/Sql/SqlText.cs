namespace Tertulia.Messages.Storage.Sql;

/// <summary>The statements that both databases understand. Each read is one statement, and so of one moment.</summary>
/// <remarks>A bounded read asks for one row more than it may return, and adds up the bytes from the first row on: <c>total</c> above the rows that are
/// returned means that the limit left some out. 20 is the field number of <c>RoomEvent.message</c>.</remarks>
internal static class SqlText
{
    public const string Epoch = "select value from meta where key = 'epoch'";

    public const string RenewEpoch = "update meta set value = @epoch where key = 'epoch' and value = @known";

    public const string TakePartition = """
        insert into partition_owners (partition, owner_epoch) values (@partition, @now)
        on conflict (partition) do update set owner_epoch =
            case when excluded.owner_epoch > partition_owners.owner_epoch then excluded.owner_epoch else partition_owners.owner_epoch + 1 end
        returning owner_epoch
        """;

    public const string ListRooms = $"""
        select e.value, m.room_id, m.role, l.seq, l.messages
        from ({Epoch}) e
        left join (select room_id, role from members
                   where user_id = @user and room_id > @after and role <> '' and not banned
                       and not exists (select 1 from rooms d where d.room_id = members.room_id and d.deleted)
                   order by room_id limit @count + 1) m on 1 = 1
        left join room_log l on l.room_id = m.room_id and l.seq = (select max(seq) from room_log where room_id = m.room_id)
        order by m.room_id
        """;

    // A room without entries in the range gives one row whose body is null.
    public static readonly string Events = $"""
        select e.value, h.seq, p.total, p.body
        from rooms r
        join ({Epoch}) e on 1 = 1
        join ({LastEntry}) h on 1 = 1
        left join ({Bounded("seq", "seq", "body", "select seq, body from room_log where room_id = @room and seq between @from and @to order by seq")}) p on 1 = 1
        where r.room_id = @room
        order by p.seq
        """;

    public static readonly string Newer = View("seq", $"{Messages} and l.seq > @seq order by l.seq");

    public static readonly string Older = View("seq desc", $"{Messages} and l.seq < @seq order by l.seq desc");

    public static readonly string NewerReplies = View("seq", $"{Replies} and t.seq > @seq order by t.seq");

    public static readonly string OlderReplies = View("seq desc", $"{Replies} and t.seq < @seq order by t.seq desc");

    public static readonly string Pins = View("pinned_seq desc", """
        select c.created_seq as seq, c.updated_seq, true as changed, c.state as body, c.pinned_seq
        from message_changes c
        where c.room_id = @room and c.pinned_seq is not null and c.pinned_seq < @seq
            and c.created_seq >= (select first_seq from rooms where room_id = @room)
        order by c.pinned_seq desc
        """, "seq, updated_seq, changed, pinned_seq", "p.pinned_seq desc");

    // New messages without a change, and changed ones: each of the two in the order of its own index.
    public static readonly string Changes = View("updated_seq", """
        select seq, updated_seq, changed, body from (
            select * from (
                select l.seq, l.seq as updated_seq, false as changed, l.body from room_log l
                where l.room_id = @room and l.kind = 20 and l.seq > @seq and l.seq >= (select first_seq from rooms where room_id = @room)
                    and not exists (select 1 from message_changes c where c.room_id = @room and c.created_seq = l.seq)
                order by l.seq limit @count + 1) created
            union all
            select * from (
                select created_seq, updated_seq, true, state from message_changes
                where room_id = @room and updated_seq > @seq and created_seq >= (select first_seq from rooms where room_id = @room)
                order by updated_seq limit @count + 1) changed_later) either
        order by updated_seq
        """, shown: "p.updated_seq");

    private const string LastEntry = "select seq, messages from room_log where room_id = @room order by seq desc limit 1";

    private const string Messages = """
        select l.seq, coalesce(c.updated_seq, l.seq) as updated_seq, c.state is not null as changed, coalesce(c.state, l.body) as body
        from room_log l
        left join message_changes c on c.room_id = l.room_id and c.created_seq = l.seq
        where l.room_id = @room and l.kind = 20 and l.seq >= (select first_seq from rooms where room_id = @room)
        """;

    private const string Replies = """
        select t.seq, coalesce(c.updated_seq, t.seq) as updated_seq, c.state is not null as changed, coalesce(c.state, l.body) as body
        from thread_replies t
        join room_log l on l.room_id = t.room_id and l.seq = t.seq
        left join message_changes c on c.room_id = t.room_id and c.created_seq = t.seq
        where t.room_id = @room and t.root_seq = @root and t.seq >= (select first_seq from rooms where room_id = @room)
        """;

    public static string CountPins(string rooms) => $"""
        select c.room_id, count(*)
        from {rooms} k
        join rooms r on r.room_id = k.room_id
        join message_changes c on c.room_id = k.room_id and c.pinned_seq is not null and c.created_seq >= r.first_seq
        group by c.room_id
        """;

    public static string FindByKeys(string keys) => $"""
        select l.room_id, l.sender_id, l.idempotency_key, l.body
        from {keys} k
        join room_log l on l.room_id = k.room_id and l.sender_id = k.sender_id and l.idempotency_key = k.idempotency_key
        """;

    public static string FindMessages(string ids) => $"""
        select l.room_id, l.seq, coalesce(c.updated_seq, l.seq), c.state is not null, coalesce(c.state, l.body), l.seq < r.first_seq
        from {ids} k
        join message_ids i on i.message_id = k.message_id
        join rooms r on r.room_id = i.room_id
        join room_log l on l.room_id = i.room_id and l.seq = i.seq
        left join message_changes c on c.room_id = l.room_id and c.created_seq = l.seq
        """;

    // Three kinds of rows: the epoch, rooms, members.
    public static string Load(string rooms, string members) => $"""
        select 0, value, '', '', 0, 0, 0, '', false, null, 0, false from meta where key = 'epoch'
        union all
        select 1, r.room_id, '', r.kind, r.members, l.seq, l.messages, r.created_by, r.deleted, r.settings,
            (select count(*) from members o where o.room_id = r.room_id and o.role = 'owner'), false
        from {rooms} k
        join rooms r on r.room_id = k.room_id
        join room_log l on l.room_id = r.room_id and l.seq = (select max(seq) from room_log where room_id = r.room_id)
        union all
        select 2, m.room_id, m.user_id, m.role, 0, m.banned_until_ms, m.muted_until_ms, m.invited_by, m.banned, null, 0, m.muted
        from {members} k
        join members m on m.room_id = k.room_id and m.user_id = k.user_id
        """;

    public static string CountCreatedRooms(string users) => $"""
        select k.user_id, count(*), count(case when r.created_at_ms > @since then 1 end), min(case when r.created_at_ms > @since then r.created_at_ms end)
        from {users} k
        join rooms r on r.created_by = k.user_id
        group by k.user_id
        """;

    public static string CountMessages(string positions) => $"""
        select l.room_id, l.seq, l.messages
        from {positions} k
        join room_log l on l.room_id = k.room_id and l.seq = cast(k.seq as bigint)
        """;

    // Nothing new gives one row whose flush is null.
    public const string FeedHeads = $"select e.value, o.partition, o.owner_epoch, o.flush from ({Epoch}) e left join partition_owners o on 1 = 1";

    public static string FeedFlushes(string onlyPartition) => $"""
        select e.value, p.total, p.owner_epoch, p.flush, p.body
        from ({Epoch}) e
        left join ({Bounded("owner_epoch, flush", "owner_epoch, flush", "body", $"select owner_epoch, flush, rooms as body from feed where {onlyPartition} and (owner_epoch, flush) >= (@epoch, @flush) order by owner_epoch, flush")}) p on 1 = 1
        order by p.owner_epoch, p.flush
        """;

    public static string FeedEntries(string ranges) => $"""
        select p.total, p.place, p.room_id, p.body
        from ({Bounded("place, seq", "place, seq, room_id", "body", $"""
            select k.place, l.room_id, l.seq, l.body
            from (select cast(place as bigint) as place, room_id, cast(first_seq as bigint) as first_seq, cast(last_seq as bigint) as last_seq from {ranges} r) k
            join room_log l on l.room_id = k.room_id and l.seq between k.first_seq and k.last_seq
            order by k.place, l.seq
            """)}) p
        order by p.place, p.seq
        """;

    private static string View(string order, string messages, string columns = "seq, updated_seq, changed", string shown = "p.seq") => $"""
        select e.value, r.kind, r.members, h.seq, h.messages, r.created_by, coalesce(b.role, ''), coalesce(b.banned, false),
            coalesce(b.muted, false), coalesce(b.banned_until_ms, 0), coalesce(b.muted_until_ms, 0), p.total, p.seq, p.updated_seq, p.changed, p.body, r.first_seq
        from rooms r
        join ({Epoch}) e on 1 = 1
        join ({LastEntry}) h on 1 = 1
        left join members b on b.room_id = r.room_id and b.user_id = @user
        left join ({Bounded(order, columns, "body", messages)}) p on 1 = 1
        where r.room_id = @room and not r.deleted
        order by {shown}
        """;

    /// <summary>The first rows of an ordered select, within <c>@count</c> and <c>@bytes</c>.</summary>
    private static string Bounded(string order, string columns, string body, string select) => $"""
        select {columns}, {body}, total
        from (select {columns}, {body}, count(*) over () as total, row_number() over (order by {order}) as nth,
                  sum(length({body})) over (order by {order} rows unbounded preceding) as bytes
              from ({select} limit @count + 1) candidates) counted
        where nth <= @count and (nth = 1 or bytes <= @bytes)
        """;
}
