namespace Tertulia.Messages.Storage.Sql;

/// <summary>The statements that both databases understand.</summary>
internal static class SqlText
{
    public const string Check = "select value from meta where key = 'epoch'";

    public const string TakePartition = """
        insert into partition_owners (partition, owner_epoch) values (@partition, @now)
        on conflict (partition) do update set owner_epoch =
            case when excluded.owner_epoch > partition_owners.owner_epoch then excluded.owner_epoch else partition_owners.owner_epoch + 1 end
        returning owner_epoch
        """;

    public const string ListRooms = """
        select m.room_id, m.role, (select coalesce(max(l.seq), 0) from room_log l where l.room_id = m.room_id)
        from members m
        where m.user_id = @user and m.role <> '' and not m.banned
        order by m.room_id
        """;

    // A room without entries in the range gives one row whose body is null.
    public const string Events = """
        select h.last_seq, e.body
        from rooms r
        join (select coalesce(max(seq), 0) as last_seq from room_log where room_id = @room) h on 1 = 1
        left join (select seq, body from room_log where room_id = @room and seq between @from and @to order by seq limit @limit) e on 1 = 1
        where r.room_id = @room
        order by e.seq
        """;

    public static readonly string Newer = View("seq > @seq", "seq limit @limit");

    public static readonly string Older = View("seq < @seq", "seq desc limit @limit");

    public static string FindByKeys(string keys) => $"""
        select l.room_id, l.sender_id, l.idempotency_key, l.body
        from {keys} k
        join room_log l on l.room_id = k.room_id and l.sender_id = k.sender_id and l.idempotency_key = k.idempotency_key
        """;

    public static string Load(string rooms, string members) => $"""
        select r.room_id, r.kind, r.members, (select coalesce(max(l.seq), 0) from room_log l where l.room_id = r.room_id)
        from {rooms} k
        join rooms r on r.room_id = k.room_id;
        select m.room_id, m.user_id, m.role, m.banned
        from {members} k
        join members m on m.room_id = k.room_id and m.user_id = k.user_id
        """;

    // The inner select has its own limit, so that the log gives exactly these rows and what lies between. A room without messages there gives one
    // row whose body is null. 20: RoomEvent.message.
    private static string View(string range, string order) => $"""
        select r.kind, r.members, h.last_seq, coalesce(b.role, ''), coalesce(b.banned, false), m.body
        from rooms r
        join (select coalesce(max(seq), 0) as last_seq from room_log where room_id = @room) h on 1 = 1
        left join members b on b.room_id = r.room_id and b.user_id = @user
        left join (select seq, body from room_log where room_id = @room and kind = 20 and {range} order by {order}) m on 1 = 1
        where r.room_id = @room
        order by m.seq
        """;
}
