using System.Data.Common;
using System.Text.Json;
using Tertulia.Notifications.Push;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>Pushes on SQLite or PostgreSQL: a row for each tag, which counts what waits.</summary>
internal sealed class SqlPushRows(ISqlDialect dialect, DbCommand command) : IPushRows
{
    private const string Add = """
        insert into notification_pushes (user_id, tag, notification_id, useq, content, waiting, shown_id)
        values (@user, @tag, @id, @useq, @content, 1, null)
        on conflict (user_id, tag) do update set
            notification_id = excluded.notification_id, useq = excluded.useq, content = excluded.content, waiting = notification_pushes.waiting + 1
        """;

    public Task AddAsync(string userId, PushContent content) => command.With(
        Add, ("user", userId), ("tag", content.Tag), ("id", content.NotificationId), ("useq", content.Useq), ("content", JsonSerializer.Serialize(content))).RunAsync();

    public Task<PendingPush?> FindAsync(string userId, string tag) => command.With(
        "select content, waiting, shown_id, notification_id from notification_pushes where user_id = @user and tag = @tag", ("user", userId), ("tag", tag))
        .FirstAsync(row => new PendingPush(
            JsonSerializer.Deserialize<PushContent>(row.GetString(0))!, row.GetInt32(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetString(3)));

    public async Task<HashSet<(string UserId, string NotificationId)>> NewestOfAsync(IReadOnlyCollection<(string UserId, string NotificationId)> items)
    {
        command.With($"""
            select p.user_id, p.notification_id from {dialect.RowsTable("rows", "user_id", "id")} r
            join notification_pushes p on p.user_id = r.user_id and p.notification_id = r.id
            """);
        dialect.AddRows(command, "rows", [.. items.Select(item => item.UserId)], [.. items.Select(item => item.NotificationId)]);
        return [.. await command.ListAsync(row => (row.GetString(0), row.GetString(1)))];
    }

    public Task SetContentAsync(string userId, string tag, string newestId, PushContent content) => command.With(
        "update notification_pushes set content = @content where user_id = @user and tag = @tag and notification_id = @id",
        ("user", userId), ("tag", tag), ("id", newestId), ("content", JsonSerializer.Serialize(content))).RunAsync();

    public Task RemoveAsync(string userId, string tag, string newestId) => command.With(
        "delete from notification_pushes where user_id = @user and tag = @tag and notification_id = @id", ("user", userId), ("tag", tag), ("id", newestId)).RunAsync();

    public Task ReplaceAsync(string userId, string tag, string newestId, PushContent content, bool isShown) => command.With(
        $"""
        update notification_pushes set content = @content, waiting = {(isShown ? "1" : "waiting - 1")}
        where user_id = @user and tag = @tag and notification_id = @id
        """,
        ("user", userId), ("tag", tag), ("id", newestId), ("content", JsonSerializer.Serialize(content))).RunAsync();

    public Task ReadUpToAsync(string userId, long useq) => command.With(
        "delete from notification_pushes where user_id = @user and useq <= @useq", ("user", userId), ("useq", useq)).RunAsync();

    public Task ReadAsync(string userId, string notificationId) => command.With(
        "delete from notification_pushes where user_id = @user and notification_id = @id", ("user", userId), ("id", notificationId)).RunAsync();

    public Task<List<WaitingPush>> WaitingAsync(string userId) => command.With(
        "select tag, content, waiting from notification_pushes where user_id = @user and waiting > 0 order by useq", ("user", userId))
        .ListAsync(row => new WaitingPush(row.GetString(0), JsonSerializer.Deserialize<PushContent>(row.GetString(1))!, row.GetInt32(2), []));

    public Task TakeAsync(string userId, WaitingPush taken, string? shownId) => command.With(
        """
        update notification_pushes set waiting = case when waiting > @count then waiting - @count else 0 end, shown_id = coalesce(@shown, shown_id)
        where user_id = @user and tag = @tag
        """,
        ("count", taken.Count), ("shown", shownId), ("user", userId), ("tag", taken.Tag)).RunAsync();

    public async Task<DateTimeOffset?> PushedAtAsync(string userId) =>
        await command.With("select pushed_at_ms from notification_push_users where user_id = @user", ("user", userId)).ExecuteScalarAsync(CancellationToken.None)
            is long pushedAt ? DateTimeOffset.FromUnixTimeMilliseconds(pushedAt) : null;

    public Task SetPushedAtAsync(string userId, DateTimeOffset now) => command.With(
        "insert into notification_push_users (user_id, pushed_at_ms) values (@user, @now) on conflict (user_id) do update set pushed_at_ms = excluded.pushed_at_ms",
        ("user", userId), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    public Task LogAsync(string userId, string pushId, string tag, long upToUseq, string reason, string shownId, DateTimeOffset now) => command.With(
        "insert into notification_pushed (user_id, push_id, tag, up_to_useq, outcome, shown_id, at_ms) values (@user, @push, @tag, @useq, @outcome, @shown, @now)",
        ("user", userId), ("push", pushId), ("tag", tag), ("useq", upToUseq), ("outcome", reason), ("shown", shownId), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    public Task LogDeviceAsync(string userId, string pushId, string deviceId, string host, DateTimeOffset now) => command.With(
        """
        insert into notification_push_outcomes (user_id, push_id, device_id, host, outcome, attempts, at_ms, error)
        values (@user, @push, @device, @host, @outcome, 0, @now, '')
        """,
        ("user", userId), ("push", pushId), ("device", deviceId), ("host", host), ("outcome", PushLog.Waiting), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    public Task NoteAsync(PushJob push, int attempts, string outcome, string error, DateTimeOffset now) => command.With(
        """
        update notification_push_outcomes set outcome = @outcome, attempts = @attempts, at_ms = @now, error = @error
        where user_id = @user and push_id = @push and device_id = @device
        """,
        ("outcome", outcome), ("attempts", attempts), ("now", now.ToUnixTimeMilliseconds()), ("error", error),
        ("user", push.UserId), ("push", push.PushId), ("device", push.DeviceId)).RunAsync();

    public async Task ForgetAsync(string userId, int keep)
    {
        foreach (var table in (string[])["notification_push_outcomes", "notification_pushed"]) // What is asked is removed last.
        {
            await command.With(
                $"""
                delete from {table} where user_id = @user and push_id <= (
                    select push_id from notification_pushed where user_id = @user group by push_id order by push_id desc limit 1 offset @keep)
                """,
                ("user", userId), ("keep", keep)).RunAsync();
        }
    }
}

/// <summary>Devices on SQLite or PostgreSQL.</summary>
internal sealed class SqlDeviceRows(ISqlDialect dialect, DbCommand command) : IDeviceRows
{
    private const string Put = """
        insert into notification_subscriptions (user_id, device_id, endpoint, endpoint_hash, p256dh, auth, created_at_ms)
        values (@user, @device, @endpoint, @hash, @key, @auth, @now)
        on conflict (user_id, device_id) do update set
            endpoint = excluded.endpoint, endpoint_hash = excluded.endpoint_hash, p256dh = excluded.p256dh, auth = excluded.auth,
            created_at_ms = excluded.created_at_ms
        """;

    private const string DropOldest = """
        delete from notification_subscriptions where user_id = @user and device_id in (
            select device_id from notification_subscriptions where user_id = @user order by created_at_ms desc, device_id limit 1000 offset @keep)
        """;

    private const string Select = "select user_id, device_id, endpoint, p256dh, auth from notification_subscriptions where user_id = @user";

    public async Task PutAsync(PushSubscription subscription, string endpointHash, DateTimeOffset now, int keep)
    {
        await RemoveByEndpointAsync(endpointHash);
        await command.With(
            Put, ("user", subscription.UserId), ("device", subscription.DeviceId), ("endpoint", subscription.Endpoint), ("hash", endpointHash),
            ("key", subscription.Key), ("auth", subscription.Auth), ("now", now.ToUnixTimeMilliseconds())).RunAsync();
        await command.With(DropOldest, ("user", subscription.UserId), ("keep", keep)).RunAsync();
    }

    public async Task<bool> RemoveAsync(string userId, string deviceId) => await command.With(
        "delete from notification_subscriptions where user_id = @user and device_id = @device", ("user", userId), ("device", deviceId)).RunAsync() > 0;

    public Task RemoveByEndpointAsync(string endpointHash) =>
        command.With("delete from notification_subscriptions where endpoint_hash = @hash", ("hash", endpointHash)).RunAsync();

    public Task<List<PushSubscription>> OfAsync(string userId) => command.With(Select, ("user", userId)).ListAsync(Read);

    public Task<PushSubscription?> FindAsync(string userId, string deviceId) =>
        command.With($"{Select} and device_id = @device", ("user", userId), ("device", deviceId)).FirstAsync(Read);

    public async Task<HashSet<string>> WithAnyAsync(IReadOnlyCollection<string> userIds)
    {
        command.With($"select distinct s.user_id from {dialect.RowsTable("users", "user_id")} u join notification_subscriptions s on s.user_id = u.user_id");
        dialect.AddRows(command, "users", [.. userIds]);
        return [.. await command.ListAsync(row => row.GetString(0))];
    }

    public async Task<VapidKeys> KeysAsync(VapidKeys made)
    {
        await command.With(
            "insert into notification_vapid (id, public_key, private_key) values (1, @public, @private) on conflict do nothing",
            ("public", made.PublicKey), ("private", made.PrivateKey)).RunAsync();
        return (await command.With("select public_key, private_key from notification_vapid where id = 1")
            .FirstAsync(row => new VapidKeys(row.GetString(0), row.GetString(1))))!;
    }

    private static PushSubscription Read(DbDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4));
}
