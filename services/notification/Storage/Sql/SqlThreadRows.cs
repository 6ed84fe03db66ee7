using System.Data.Common;
using Tertulia.Contracts;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>Threads on SQLite or PostgreSQL. What is not read is counted from the replies themselves.</summary>
internal sealed class SqlThreadRows(ISqlDialect dialect, DbCommand command) : IThreadRows
{
    // Of a thread t: where its replies end, and those that its user has not read.
    private const string LastSeq = "(select max(r.seq) from notification_replies r where r.root_id = t.root_id)";

    private const string Unread = """
        (select count(*) from (
            select 1 from notification_replies r where r.root_id = t.root_id and r.seq > t.read_seq and r.user_id <> t.user_id limit @max) c)
        """;

    public async Task AddReplyAsync(string roomId, int partition, long seq, string rootId, string userId, long createdAtMs)
    {
        await command.With(
            """
            insert into notification_replies (room_id, seq, root_id, user_id, partition, created_at_ms) values (@room, @seq, @root, @user, @partition, @at)
            on conflict do nothing
            """,
            ("room", roomId), ("seq", seq), ("root", rootId), ("user", userId), ("partition", partition), ("at", createdAtMs)).RunAsync();
        await command.With(
            "update notification_threads set unanswered_at_ms = null where root_id = @root and unanswered_at_ms is not null", ("root", rootId)).RunAsync();
    }

    public Task<string?> RootOfAsync(string roomId, long seq) => command.With(
        "select root_id from notification_replies where room_id = @room and seq = @seq", ("room", roomId), ("seq", seq)).FirstAsync(row => row.GetString(0));

    // The users' order is the same for all, so that two transactions do not wait for each other.
    public Task FollowAsync(string roomId, int partition, string rootId, IReadOnlyCollection<string> userIds, long readSeq, bool again, long atMs)
    {
        command.With(
            $"""
            insert into notification_threads (root_id, user_id, room_id, partition, choice, read_seq, unanswered_at_ms)
            select @root, u.user_id, @room, @partition, 1, @seq,
                case when not exists (select 1 from notification_replies r where r.root_id = @root) then cast(@at as bigint) end
            from {dialect.RowsTable("users", "user_id")} u where true order by u.user_id
            on conflict (root_id, user_id) do update set
                choice = {(again ? "1" : "case when notification_threads.choice = 0 then 1 else notification_threads.choice end")},
                read_seq = case when excluded.read_seq > notification_threads.read_seq then excluded.read_seq else notification_threads.read_seq end
            """,
            ("root", rootId), ("room", roomId), ("partition", partition), ("seq", readSeq), ("at", atMs));
        dialect.AddRows(command, "users", [.. userIds]);
        return command.RunAsync();
    }

    public Task<List<string>> FollowersAsync(string rootId, int limit) => command.With(
        "select user_id from notification_threads where root_id = @root and choice = 1 order by user_id limit @limit", ("root", rootId), ("limit", limit))
        .ListAsync(row => row.GetString(0));

    public async Task<HashSet<string>> ReadersAsync(string rootId, long seq) =>
    [
        .. await command.With("select user_id from notification_threads where root_id = @root and read_seq >= @seq", ("root", rootId), ("seq", seq))
            .ListAsync(row => row.GetString(0)),
    ];

    public async Task RemoveAsync(string roomId, long seq, string messageId)
    {
        await command.With("delete from notification_replies where room_id = @room and seq = @seq", ("room", roomId), ("seq", seq)).RunAsync();
        await command.With(
            """
            delete from notification_threads where root_id = @root and not exists (
                select 1 from notification_replies r where r.root_id = notification_threads.root_id)
            """,
            ("root", messageId)).RunAsync();
    }

    public async Task TrimAsync(string roomId, long firstSeq)
    {
        await command.With("delete from notification_replies where room_id = @room and seq < @seq", ("room", roomId), ("seq", firstSeq)).RunAsync();
        await command.With(
            """
            delete from notification_threads where room_id = @room and read_seq < @seq and not exists (
                select 1 from notification_replies r where r.root_id = notification_threads.root_id)
            """,
            ("room", roomId), ("seq", firstSeq)).RunAsync();
    }

    public Task<int> RemoveUnansweredAsync(DateTimeOffset before, int limit) => command.With(
        """
        delete from notification_threads where (root_id, user_id) in (
            select root_id, user_id from notification_threads where unanswered_at_ms < @before order by unanswered_at_ms limit @count)
        """,
        ("before", before.ToUnixTimeMilliseconds()), ("count", limit)).RunAsync();

    public Task RemoveUsersAsync(string roomId, IReadOnlyCollection<string> userIds)
    {
        command.With(
            $"delete from notification_threads where room_id = @room and user_id in (select user_id from {dialect.RowsTable("users", "user_id")} u)", ("room", roomId));
        dialect.AddRows(command, "users", [.. userIds]);
        return command.RunAsync();
    }

    public Task<List<string>> UsersOfRoomAsync(string roomId) =>
        command.With("select distinct user_id from notification_threads where room_id = @room", ("room", roomId)).ListAsync(row => row.GetString(0));

    public async Task RemoveRoomAsync(string roomId)
    {
        await command.With("delete from notification_threads where room_id = @room", ("room", roomId)).RunAsync();
        await command.With("delete from notification_replies where room_id = @room", ("room", roomId)).RunAsync();
    }

    public async Task<bool> MarkAsync(MarkThreadRequest request, int partition)
    {
        var choice = request.HasFollowing ? request.Following ? "1" : "2" : null;
        return await command.With(
            $"""
            insert into notification_threads (root_id, user_id, room_id, partition, choice, read_seq)
            values (@root, @user, @room, @partition, {choice ?? "0"}, @seq)
            on conflict (root_id, user_id) do update set
                choice = {choice ?? "notification_threads.choice"},
                read_seq = case when excluded.read_seq > notification_threads.read_seq then excluded.read_seq else notification_threads.read_seq end
            where excluded.read_seq > notification_threads.read_seq {(choice is null ? "" : $"or notification_threads.choice <> {choice}")}
            """,
            ("root", request.RootId), ("user", request.UserId), ("room", request.RoomId), ("partition", partition), ("seq", request.ReadSeq)).RunAsync() > 0;
    }

    public Task<ThreadUnread?> FindAsync(string rootId, string userId, int maxUnread) => command.With(
        $"""
        select t.room_id, t.root_id, t.choice, t.read_seq, {LastSeq}, {Unread} from notification_threads t
        where t.root_id = @root and t.user_id = @user
        """,
        ("root", rootId), ("user", userId), ("max", maxUnread)).FirstAsync(Read);

    public Task<List<ThreadUnread>> ListAsync(string userId, bool unreadOnly, long beforeMs, string beforeRoot, int limit, int maxUnread) => command.With(
        $"""
        with t as materialized (
            select f.room_id, f.root_id, f.user_id, f.choice, f.read_seq,
                (select r.created_at_ms from notification_replies r where r.root_id = f.root_id order by r.seq desc limit 1) as last_at
            from notification_threads f
            join notification_members m on m.room_id = f.room_id and m.user_id = f.user_id
            where f.user_id = @user and f.choice = 1)
        select t.room_id, t.root_id, t.choice, t.read_seq, {LastSeq}, {Unread}, t.last_at from t
        where (t.last_at < @before or (t.last_at = @before and t.root_id < @root))
        {(unreadOnly ? "and exists (select 1 from notification_replies r where r.root_id = t.root_id and r.seq > t.read_seq and r.user_id <> t.user_id)" : "")}
        order by t.last_at desc, t.root_id desc limit @limit
        """,
        ("user", userId), ("before", beforeMs), ("root", beforeRoot), ("limit", limit), ("max", maxUnread)).ListAsync(row =>
        {
            var thread = Read(row);
            thread.LastReplyAtMs = row.GetInt64(6);
            return thread;
        });

    private static ThreadUnread Read(DbDataReader row) => new()
    {
        RoomId = row.GetString(0),
        RootId = row.GetString(1),
        Following = row.GetInt32(2) == 1,
        ReadSeq = row.GetInt64(3),
        LastSeq = Math.Max(row.GetInt64(3), row.IsDBNull(4) ? 0 : row.GetInt64(4)), // What the follower has not come to yet may be read already.
        Unread = (uint)row.GetInt64(5),
    };
}
