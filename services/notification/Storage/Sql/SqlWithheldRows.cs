using System.Data.Common;
using System.Globalization;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Inbox;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>What was not told or not pushed, on SQLite or PostgreSQL.</summary>
internal sealed class SqlWithheldRows(ISqlDialect dialect, DbCommand command) : IWithheldRows
{
    private const string Unread = """
        select w.room_id, coalesce(max(case when n.kind = 'direct' then i.actor_name else n.name end), ''), count(*) from notification_withheld w
        left join notification_inbox i on i.user_id = w.user_id and i.event_id = w.event_id
        left join notification_reads r on r.user_id = w.user_id and r.room_id = w.room_id
        left join notification_rooms n on n.room_id = w.room_id
        where w.user_id = @user and w.digest = 1
            and case when w.notification_id <> '' then not i.is_read when i.user_id is not null then false else w.seq = 0 or coalesce(r.seq, 0) < w.seq end
        group by w.room_id order by count(*) desc, w.room_id
        """;

    // Always in the order of the user ids, so that two transactions do not wait for each other.
    public Task AddAsync(IReadOnlyList<WithheldRow> rows, DateTimeOffset now)
    {
        var columns = dialect.RowsTable("rows", "user_id", "event_id", "message_id", "room_id", "seq", "kind", "reason", "notification_id", "digest");
        command.With(
            $"""
            insert into notification_withheld (user_id, event_id, message_id, room_id, seq, kind, reason, notification_id, decided_at_ms, digest)
            select user_id, event_id, message_id, room_id, cast(seq as bigint), kind, reason, notification_id, @now, cast(digest as integer) from {columns} r where true
            order by user_id
            on conflict do nothing
            """,
            ("now", now.ToUnixTimeMilliseconds()));
        dialect.AddRows(
            command, "rows", Column(row => row.UserId), Column(row => row.EventId), Column(row => row.MessageId), Column(row => row.RoomId),
            Column(row => row.Seq.ToString(CultureInfo.InvariantCulture)), Column(row => row.Kind), Column(row => row.Reason), Column(row => row.NotificationId),
            Column(row => row.Waits ? "1" : "0"));
        return command.RunAsync();

        string[] Column(Func<WithheldRow, string> value) => [.. rows.Select(value)];
    }

    public Task RemoveOfMessageAsync(string messageId) =>
        command.With("delete from notification_withheld where message_id = @message", ("message", messageId)).RunAsync();

    public Task<List<ToldItem>> ListKeptOutAsync(string eventId, string messageId) => command.With(
        "select user_id, kind from notification_withheld where message_id = @message and event_id = @event and notification_id = ''",
        ("message", messageId), ("event", eventId)).ListAsync(row => new ToldItem(row.GetString(0), row.GetString(1), ""));

    public Task RemoveOfEventAsync(string eventId, string messageId, IReadOnlyCollection<string> userIds)
    {
        command.With(
            $"""
            delete from notification_withheld
            where message_id = @message and event_id = @event and user_id in (select user_id from {dialect.RowsTable("users", "user_id")} u)
            """,
            ("message", messageId), ("event", eventId));
        dialect.AddRows(command, "users", [.. userIds]);
        return command.RunAsync();
    }

    public Task RemoveOfRoomAsync(RoomItems items) => command.WithRoom(dialect, "delete from notification_withheld", items, "").RunAsync();

    public Task<List<string>> UsersOfRoomAsync(string roomId) =>
        command.With("select distinct user_id from notification_withheld where room_id = @room", ("room", roomId)).ListAsync(row => row.GetString(0));

    public Task<int> RemoveOlderAsync(DateTimeOffset before, int limit) => command.With(
        """
        delete from notification_withheld where (user_id, event_id) in (
            select user_id, event_id from notification_withheld where decided_at_ms < @before order by decided_at_ms limit @count)
        """,
        ("before", before.ToUnixTimeMilliseconds()), ("count", limit)).RunAsync();

    public async Task<DateTimeOffset?> OldestAsync(string userId) =>
        await command.With("select min(decided_at_ms) from notification_withheld where user_id = @user and digest = 1", ("user", userId)).ExecuteScalarAsync(CancellationToken.None)
            is long ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;

    public Task<List<(string RoomId, string Name, long Count)>> SumUpAsync(string userId) => command.With(Unread, ("user", userId))
        .ListAsync(row => (row.GetString(0), row.GetString(1), row.GetInt64(2)));

    public Task ToldAsync(string userId) => command.With(
        "update notification_withheld set digest = @told where user_id = @user and digest = 1", ("told", WithheldItems.Told), ("user", userId)).RunAsync();
}
