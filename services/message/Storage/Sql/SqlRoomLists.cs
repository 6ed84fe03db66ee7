using System.Data.Common;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Lists of rooms on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlRoomLists(ISqlDialect dialect) : IRoomLists
{
    // Usually the newest message is among the newest entries; else it is the entry with which the count of messages became what it is at the end, which is
    // looked for by halves. Where all messages were removed, what is found is no message. 20 is the field number of RoomEvent.message.
    private const string LastMessageSeq = """
        coalesce(
            (select max(n.seq) from (select l.seq, l.kind from room_log l where l.room_id = k.room_id order by l.seq desc limit 32) n where n.kind = 20),
            (with recursive halves (low, high, total) as (
                 select (select min(l.seq) from room_log l where l.room_id = k.room_id), h.seq, h.messages
                 from (select l.seq, l.messages from room_log l where l.room_id = k.room_id order by l.seq desc limit 1) h
                 union all
                 select case when c.messages < s.total then (s.low + s.high) / 2 + 1 else s.low end,
                     case when c.messages < s.total then s.high else (s.low + s.high) / 2 end, s.total
                 from halves s
                 join room_log c on c.room_id = k.room_id
                     and c.seq = (select max(l.seq) from room_log l where l.room_id = k.room_id and l.seq <= (s.low + s.high) / 2)
                 where s.low < s.high)
             select low from halves where low = high))
        """;

    private const string Active = $"""
        select a.room_id, a.at_ms from (
            select k.room_id, coalesce(
                (select l.created_at_ms from room_log l where l.room_id = k.room_id and l.kind = 20 and l.seq = {LastMessageSeq}), r.created_at_ms) as at_ms
            from members k
            join rooms r on r.room_id = k.room_id
            where k.user_id = @user and k.role <> '' and not k.banned and not r.deleted) a
        where a.at_ms < @at or (a.at_ms = @at and a.room_id > @after)
        order by a.at_ms desc, a.room_id limit @count + 1
        """;

    private const string IsBanned = "(m.banned and not m.banned_until_ms between 1 and @now)";

    private const string Invitations = $"""
        select m.room_id from members m
        join rooms r on r.room_id = m.room_id
        where m.user_id = @user and m.room_id > @after and m.role = '' and m.invited_by <> '' and not {IsBanned} and not r.deleted
        order by m.room_id limit @count + 1
        """;

    private const string UserChannels = """
        select r.community, r.room_id from members m
        join rooms r on r.room_id = m.room_id
        where m.user_id = @user and m.role <> '' and not m.banned and not r.deleted and r.community <> '' and (r.community, r.room_id) > (@community, @after)
        order by r.community, r.room_id limit @count + 1
        """;

    public Task<Listed<ActiveRoom>> ListActiveAsync(string userId, ActiveRoom? after, int limit, CancellationToken cancellationToken) => dialect.ListAsync(
        Active, limit, reader => new ActiveRoom(reader.GetString(0), reader.GetInt64(1)), cancellationToken,
        ("user", userId), ("at", after?.AtMs ?? long.MaxValue), ("after", after?.RoomId ?? ""));

    public Task<Listed<string>> ListInvitationsAsync(string userId, string afterRoomId, long nowMs, int limit, CancellationToken cancellationToken) => dialect.ListAsync(
        Invitations, limit, reader => reader.GetString(0), cancellationToken, ("user", userId), ("after", afterRoomId), ("now", nowMs));

    public Task<Listed<string>> ListChannelsAsync(
        string community, string userId, ChannelsSeen sees, string afterRoomId, long nowMs, int limit, CancellationToken cancellationToken) => dialect.ListAsync(
        $"""
        select r.room_id from rooms r
        left join members m on m.room_id = r.room_id and m.user_id = @user
        where r.community = @community and r.community <> '' and r.room_id > @after and not r.deleted and not coalesce({IsBanned}, false)
            and {sees switch
            {
                ChannelsSeen.All => "true",
                ChannelsSeen.Open => "(r.kind in ('open', 'auditorium') or m.role <> '' or m.invited_by <> '')",
                _ => "(m.role <> '' or m.invited_by <> '')",
            }}
        order by r.room_id limit @count + 1
        """,
        limit, reader => reader.GetString(0), cancellationToken, ("community", community), ("user", userId), ("after", afterRoomId), ("now", nowMs));

    public Task<Listed<RoomChannel>> ListUserChannelsAsync(string userId, RoomChannel after, int limit, CancellationToken cancellationToken) => dialect.ListAsync(
        UserChannels, limit, reader => new RoomChannel(reader.GetString(0), reader.GetString(1)), cancellationToken,
        ("user", userId), ("community", after.Community ?? ""), ("after", after.RoomId ?? ""));

    public Task<Dictionary<string, Message>> ReadLastMessagesAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) => ReadAsync(
        $"""
        select p.room_id, l.seq, coalesce(c.updated_seq, l.seq), c.state is not null, coalesce(c.state, l.body)
        from (select k.room_id, {LastMessageSeq} as seq from {dialect.RowsTable("rooms", "room_id")} k) p
        join rooms r on r.room_id = p.room_id
        join room_log l on l.room_id = p.room_id and l.seq = p.seq and l.seq >= r.first_seq and l.kind = 20
        left join message_changes c on c.room_id = l.room_id and c.created_seq = l.seq
        """,
        roomIds, reader => reader.GetMessage(1), cancellationToken);

    public Task<Dictionary<string, RoomUser>> ReadOthersAsync(IReadOnlyCollection<string> roomIds, string userId, CancellationToken cancellationToken) => ReadAsync(
        $"""
        select k.room_id, m.user_id, m.username, m.role, m.banned, m.muted, m.banned_until_ms, m.muted_until_ms, m.invited_by
        from {dialect.RowsTable("rooms", "room_id")} k
        join members m on m.room_id = k.room_id and m.user_id <> @user and m.role <> ''
        """,
        roomIds,
        reader => new RoomUser(reader.GetString(1), reader.GetString(2), new Membership(
            reader.GetString(3), reader.GetBoolean(4), reader.GetBoolean(5), reader.GetInt64(6), reader.GetInt64(7), reader.GetString(8))),
        cancellationToken, ("user", userId));

    private Task<Dictionary<string, T>> ReadAsync<T>(
        string sql, IReadOnlyCollection<string> roomIds, Func<DbDataReader, T> read, CancellationToken cancellationToken, params (string, object)[] parameters) =>
        dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(sql, parameters);
        dialect.AddRows(command, "rooms", [.. roomIds]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var found = new Dictionary<string, T>(StringComparer.Ordinal);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            found[reader.GetString(0)] = read(reader);
        }

        return found;
    }, cancellationToken);
}
