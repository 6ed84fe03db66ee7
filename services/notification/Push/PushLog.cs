using System.Data.Common;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>The last pushes of each user and what became of them, to explain it.</summary>
internal sealed class PushLog(NotificationStore store, TimeProvider time)
{
    public const string Waiting = "waiting";
    public const string Sent = "sent";
    public const string Gone = "gone";
    public const string Retrying = "retrying";
    public const string Failed = "failed";
    public const string Expired = "expired";

    private const int Kept = 20; // Pushes of a user.

    /// <summary>What waited under a tag was decided.</summary>
    /// <param name="command">Of the transaction that decides it.</param>
    /// <param name="userId">Whose.</param>
    /// <param name="pushId">Grows with time (UUIDv7).</param>
    /// <param name="tag">Of what waited.</param>
    /// <param name="upToUseq">Of the newest of it.</param>
    /// <param name="reason">Why it is not pushed; empty when it is.</param>
    /// <param name="shownId">The notification that the push shows.</param>
    /// <param name="now">The time.</param>
    public static Task AddAsync(DbCommand command, string userId, string pushId, string tag, long upToUseq, string reason, string shownId, DateTimeOffset now) => command.With(
        "insert into notification_pushed (user_id, push_id, tag, up_to_useq, outcome, shown_id, at_ms) values (@user, @push, @tag, @useq, @outcome, @shown, @now)",
        ("user", userId), ("push", pushId), ("tag", tag), ("useq", upToUseq), ("outcome", reason), ("shown", shownId), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    /// <summary>A device is to get the push.</summary>
    public static Task AddAsync(DbCommand command, string userId, string pushId, PushSubscription device, DateTimeOffset now) => command.With(
        """
        insert into notification_push_outcomes (user_id, push_id, device_id, host, outcome, attempts, at_ms, error)
        values (@user, @push, @device, @host, 'waiting', 0, @now, '')
        """,
        ("user", userId), ("push", pushId), ("device", device.DeviceId), ("host", new Uri(device.Endpoint).Host), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    /// <summary>Removes all but the last ones.</summary>
    /// <returns>Rows that were removed.</returns>
    public static async Task<int> ForgetAsync(DbCommand command, string userId)
    {
        var removed = 0;
        foreach (var table in (string[])["notification_push_outcomes", "notification_pushed"]) // What is asked is removed last.
        {
            removed += await command.With(
                $"""
                delete from {table} where user_id = @user and push_id <= (
                    select push_id from notification_pushed where user_id = @user group by push_id order by push_id desc limit 1 offset @keep)
                """,
                ("user", userId), ("keep", Kept)).RunAsync();
        }

        return removed;
    }

    /// <summary>A push was handed to a push service, or not.</summary>
    public Task NoteAsync(PushJob push, int attempts, string outcome, string error, CancellationToken cancellationToken) => store.WriteAsync(
        command => command.With(
            """
            update notification_push_outcomes set outcome = @outcome, attempts = @attempts, at_ms = @now, error = @error
            where user_id = @user and push_id = @push and device_id = @device
            """,
            ("outcome", outcome), ("attempts", attempts), ("now", time.GetUtcNow().ToUnixTimeMilliseconds()), ("error", error),
            ("user", push.UserId), ("push", push.PushId), ("device", push.DeviceId)).RunAsync(),
        cancellationToken);
}
