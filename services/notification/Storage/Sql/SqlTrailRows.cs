using System.Data.Common;
using System.Globalization;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>What is stored of decisions, on SQLite or PostgreSQL.</summary>
internal sealed class SqlTrailRows(ISqlDialect dialect, DbCommand command) : ITrailRows
{
    public Task<List<NotifiedTrail>> NotifiedAsync(string messageId, string userId, int limit) => command.With(
        $"""
        select i.user_id, i.kind, i.notification_id, i.is_read, i.useq, i.room_id, coalesce(w.reason, ''), coalesce(w.decided_at_ms, 0)
        from notification_inbox i left join notification_withheld w on w.user_id = i.user_id and w.event_id = i.event_id and w.notification_id = i.notification_id
        where i.message_id = @message {(userId.Length > 0 ? "and i.user_id = @user" : "")} order by i.user_id, i.useq limit @limit
        """,
        ("message", messageId), ("user", userId), ("limit", limit))
        .ListAsync(row => new NotifiedTrail(
            row.GetString(0), row.GetString(1), row.GetString(2), row.GetBoolean(3), row.GetInt64(4), row.GetString(5), row.GetString(6), row.GetInt64(7)));

    public Task<List<KeptOutTrail>> KeptOutAsync(string messageId, string userId, int limit) => command.With(
        $"""
        select w.user_id, w.kind, w.reason, w.decided_at_ms from notification_withheld w
        where w.message_id = @message and w.notification_id = ''
            and not exists (select 1 from notification_inbox i where i.user_id = w.user_id and i.event_id = w.event_id)
            {(userId.Length > 0 ? "and w.user_id = @user" : "")} order by w.user_id limit @limit
        """,
        ("message", messageId), ("user", userId), ("limit", limit))
        .ListAsync(row => new KeptOutTrail(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3)));

    public Task<List<PushTrail>> PushesAsync(IReadOnlyCollection<string> userIds) => OfUsersAsync(
        "select p.user_id, p.push_id, p.tag, p.up_to_useq, p.outcome, p.shown_id, p.at_ms from {0} u join notification_pushed p on p.user_id = u.user_id order by p.push_id",
        userIds,
        row => new PushTrail(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4), row.GetString(5), row.GetInt64(6)));

    public Task<List<DeviceTrail>> DevicesAsync(IReadOnlyCollection<string> userIds) => OfUsersAsync(
        """
        select o.user_id, o.push_id, o.host, o.outcome, o.attempts, o.at_ms, o.error from {0} u join notification_push_outcomes o on o.user_id = u.user_id order by o.push_id, o.device_id
        """,
        userIds,
        row => new DeviceTrail(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt32(4), row.GetInt64(5), row.GetString(6)));

    public Task<List<(string UserId, string Tag, long Useq)>> WaitingAsync(IReadOnlyCollection<string> userIds) => OfUsersAsync(
        "select p.user_id, p.tag, p.useq from {0} u join notification_pushes p on p.user_id = u.user_id where p.waiting > 0", userIds,
        row => (row.GetString(0), row.GetString(1), row.GetInt64(2)));

    private Task<List<T>> OfUsersAsync<T>(string sql, IReadOnlyCollection<string> userIds, Func<DbDataReader, T> row)
    {
        command.With(string.Format(CultureInfo.InvariantCulture, sql, dialect.RowsTable("users", "user_id")));
        dialect.AddRows(command, "users", [.. userIds]);
        return command.ListAsync(row);
    }
}

/// <summary>What is deleted with a user, on SQLite or PostgreSQL.</summary>
internal sealed class SqlOwnedRows(DbCommand command) : IOwnedRows
{
    private static readonly string[] Tables =
    [
        "notification_subscriptions", "notification_pushes", "notification_push_users", "notification_keywords", "notification_reads", "notification_threads",
        "notification_members", "notification_withheld", "notification_pushed", "notification_push_outcomes",
    ];

    public Task<int> RemoveInboxAsync(string userId, int limit) => command.With(
        """
        delete from notification_inbox where (user_id, useq) in (
            select user_id, useq from notification_inbox where user_id = @user order by useq limit @count)
        """,
        ("user", userId), ("count", limit)).RunAsync();

    public async Task RemoveAsync(string userId)
    {
        foreach (var table in Tables)
        {
            await command.With($"delete from {table} where user_id = @user", ("user", userId)).RunAsync();
        }

        await command.With("update notification_users set preferences = null, unread = 0 where user_id = @user", ("user", userId)).RunAsync();
        await command.With("delete from notification_webhook_presence where subject = @subject", ("subject", $"u:{userId}")).RunAsync();
        foreach (var job in (string[])["push-user", "digest"])
        {
            await command.With("delete from notification_jobs where job_key = @key", ("key", $"{job}:{userId}")).RunAsync();
        }

        await command.With(
            "delete from notification_jobs where kind = 'push' and job_key >= @from and job_key < @to", ("from", $"push:{userId}:"), ("to", $"push:{userId};")).RunAsync();
    }

    public Task<List<(string Key, string Body)>> FailedWebhookJobsAsync(string afterKey, int limit) => command.With(
        "select job_key, body from notification_jobs where kind = 'webhook' and failed_at_ms is not null and job_key > @after order by job_key limit @count",
        ("after", afterKey), ("count", limit)).ListAsync(row => (row.GetString(0), row.GetString(1)));

    public Task SetJobBodyAsync(string key, string body) =>
        command.With("update notification_jobs set body = @body where job_key = @key", ("body", body), ("key", key)).RunAsync();
}
