using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Reads of rooms on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlRoomReads(ISqlDialect dialect) : IRoomReads
{
    // From the end of the room to the first entry that is old enough. 20 is the field number of RoomEvent.message.
    private const string LastSent = """
        select sender_id, max(created_at_ms) from room_log
        where room_id = @room and kind = 20 and created_at_ms > @since and seq > coalesce(
            (select l.seq from room_log l where l.room_id = @room and l.created_at_ms <= @since order by l.seq desc limit 1), 0)
        group by sender_id
        """;

    private const string Invited = "select count(*) from members where room_id = @room and invited_by <> ''";

    private const string Banned = "(banned and not banned_until_ms between 1 and @now)";

    private static readonly string Members = ListUsers($"role <> '' and not {Banned}");

    private static readonly string AllUsers = ListUsers($"(role <> '' or invited_by <> '' or {Banned} or (muted and not muted_until_ms between 1 and @now))");

    private const string RoomIds = """
        select m.room_id from members m
        where m.user_id = @user and m.room_id > @after and m.role <> '' and not m.banned
            and not exists (select 1 from rooms d where d.room_id = m.room_id and d.deleted)
        order by m.room_id limit @count + 1
        """;

    // 41 is the field number of RoomEvent.reported.
    private const string Reports = "select body from room_log where room_id = @room and kind = 41 and seq < @before order by seq desc limit @count + 1";

    // 21 and 40 are the field numbers of RoomEvent.member and RoomEvent.room_updated. The first row is the room.
    private const string Room = $"""
        select 0 as seq, e.value, r.kind, r.settings from rooms r join ({SqlText.Epoch}) e on 1 = 1 where r.room_id = @room and not r.deleted
        union all
        select seq, '', '', body from (
            select seq, body from room_log where room_id = @room and kind in (21, 40) and seq > @since order by seq limit @count + 1) l
        order by 1
        """;

    public Task<Dictionary<string, long>> LastSentAsync(string roomId, long sinceMs, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(LastSent, ("room", roomId), ("since", sinceMs));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var times = new Dictionary<string, long>(StringComparer.Ordinal);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            times[reader.GetString(0)] = reader.GetInt64(1);
        }

        return times;
    }, cancellationToken);

    public Task<int> CountInvitedAsync(string roomId, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(Invited, ("room", roomId));
        return Convert.ToInt32(await command.ExecuteScalarAsync(CancellationToken.None), CultureInfo.InvariantCulture);
    }, cancellationToken);

    public Task<Listed<RoomUser>> ListMembersAsync(
        string roomId, string afterUserId, bool withOthers, long nowMs, int limit, CancellationToken cancellationToken) => dialect.ListAsync(
        withOthers ? AllUsers : Members, limit,
        reader => new RoomUser(reader.GetString(0), reader.GetString(1), new Membership(
            reader.GetString(2), reader.GetBoolean(3), reader.GetBoolean(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetString(7))),
        cancellationToken, ("room", roomId), ("after", afterUserId), ("now", nowMs));

    public Task<Listed<string>> ListRoomIdsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken) =>
        dialect.ListAsync(RoomIds, limit, reader => reader.GetString(0), cancellationToken, ("user", userId), ("after", afterRoomId));

    public Task<Listed<RoomEvent>> ListReportsAsync(string roomId, long beforeSeq, int limit, CancellationToken cancellationToken) =>
        dialect.ListAsync(Reports, limit, reader => reader.GetEvent(0), cancellationToken, ("room", roomId), ("before", beforeSeq));

    public Task<RoomSince?> ReadRoomAsync(string roomId, long sinceSeq, int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(Room, ("room", roomId), ("since", sinceSeq), ("count", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await reader.ReadAsync(CancellationToken.None) || reader.GetInt64(0) != 0)
        {
            return null;
        }

        var room = new RoomSince(reader.GetString(1), reader.GetSettings(3) ?? new RoomSettings { Kind = reader.GetString(2) }, [], HasMore: false);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            if (room.Entries.Count == limit)
            {
                return room with { HasMore = true };
            }

            room.Entries.Add(reader.GetEvent(3));
        }

        return room;
    }, cancellationToken);

    private static string ListUsers(string which) => $"""
        select user_id, username, role, banned, muted, banned_until_ms, muted_until_ms, invited_by
        from members
        where room_id = @room and user_id > @after and {which}
        order by user_id limit @count + 1
        """;
}
