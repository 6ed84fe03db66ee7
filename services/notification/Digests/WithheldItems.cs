using System.Data.Common;
using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Digests;

/// <summary>Remembers what was not told or not pushed and why, in the transaction that decided it, and has it told by the digest of who wants one.</summary>
internal sealed class WithheldItems(NotificationStore store) : IInboxListener
{
    /// <summary>What waits for a digest.</summary>
    public const int Waits = 1;

    /// <summary>What was in one.</summary>
    public const int Told = 2;

    /// <inheritdoc />
    public async Task OnMadeAsync(DbCommand command, IReadOnlyList<Made> made, DateTimeOffset now)
    {
        var withDevices = await WithDevicesAsync(command, made);
        List<Row> rows = [];
        foreach (var one in made.Where(one => one.Item.Kind != NotificationKinds.Digest))
        {
            var digest = DigestTime.Parse(one.Preferences);
            var reason = PreferenceRules.QuietUntil(one.Preferences, now) is not null ? Withheld.QuietHours
                : digest is null ? "" // Why else it was not pushed can be seen from what it is, and is not kept for everyone.
                : one.Item.Kind == NotificationKinds.Reaction ? Withheld.Reaction
                : withDevices.Contains(one.UserId) ? ""
                : Withheld.NoDevice;
            if (reason.Length > 0)
            {
                rows.Add(new Row(one.UserId, one.EventId, one.Item, one.Item.NotificationId, reason, digest));
            }
        }

        await AddAsync(command, rows, now);
    }

    /// <inheritdoc />
    public Task OnKeptOutAsync(DbCommand command, IReadOnlyList<KeptOut> kept, DateTimeOffset now) => AddAsync(
        command,
        [
            .. kept.Select(one => new Row(
                one.Wanted.UserId, one.Wanted.EventId, one.Wanted.Item, "", one.Reason, one.Reason == Withheld.Level ? DigestTime.Parse(one.Preferences) : null)),
        ],
        now);

    /// <inheritdoc />
    public Task OnEndedAsync(DbCommand command, IReadOnlyList<Ended> ended, DateTimeOffset now) => Task.CompletedTask; // Whether it was read is asked when it is told.

    /// <inheritdoc />
    public Task OnDeletedAsync(DbCommand command, string messageId) =>
        command.With("delete from notification_withheld where message_id = @message", ("message", messageId)).RunAsync();

    /// <inheritdoc />
    public Task OnShutOutAsync(DbCommand command, string roomId, string userId, long beforeSeq) => command.With(
        $"delete from notification_withheld where room_id = @room and seq < @seq {(userId.Length > 0 ? "and user_id = @user" : "")}",
        ("room", roomId), ("seq", beforeSeq), ("user", userId)).RunAsync();

    /// <inheritdoc />
    public void OnCommitted()
    {
    }

    /// <summary>A digest is due at the time that the user's preferences say now. Nothing happens when nothing waits for it.</summary>
    public static async Task ScheduleAsync(DbCommand command, string userId, NotificationPreferences preferences, DateTimeOffset now)
    {
        if (DigestTime.Parse(preferences) is { } digest && await OldestAsync(command, userId) is { } oldest)
        {
            await PutJobAsync(command, userId, digest.DueAfter(oldest), now);
        }
    }

    /// <summary>When the oldest that waits was decided; null when nothing does.</summary>
    public static async Task<DateTimeOffset?> OldestAsync(DbCommand command, string userId) =>
        await command.With("select min(decided_at_ms) from notification_withheld where user_id = @user and digest = 1", ("user", userId)).ExecuteScalarAsync(CancellationToken.None)
            is long ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;

    /// <summary>Removes what is old.</summary>
    /// <returns>How many were removed; more may be left when it is <paramref name="limit"/>.</returns>
    public Task<int> PruneAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken) => store.WriteAsync(
        command => command.With(
            """
            delete from notification_withheld where (user_id, event_id) in (
                select user_id, event_id from notification_withheld where decided_at_ms < @before order by decided_at_ms limit @count)
            """,
            ("before", before.ToUnixTimeMilliseconds()), ("count", limit)).RunAsync(),
        cancellationToken);

    private static Task PutJobAsync(DbCommand command, string userId, DateTimeOffset due, DateTimeOffset now) =>
        JobStore.PutAsync(command, $"digest:{userId}", DigestHandler.KindName, userId, due, now);

    private async Task<HashSet<string>> WithDevicesAsync(DbCommand command, IReadOnlyList<Made> made)
    {
        string[] users = [.. made.Where(one => DigestTime.Parse(one.Preferences) is not null).Select(one => one.UserId).Distinct(StringComparer.Ordinal)];
        if (users.Length == 0)
        {
            return [];
        }

        command.With($"select distinct s.user_id from {store.Dialect.RowsTable("users", "user_id")} u join notification_subscriptions s on s.user_id = u.user_id");
        store.Dialect.AddRows(command, "users", users);
        return [.. await command.ListAsync(row => row.GetString(0))];
    }

    // Always in the order of the user ids, so that two transactions do not wait for each other.
    private async Task AddAsync(DbCommand command, List<Row> rows, DateTimeOffset now)
    {
        if (rows.Count == 0)
        {
            return;
        }

        rows.Sort((one, other) => string.CompareOrdinal(one.UserId, other.UserId));
        var columns = store.Dialect.RowsTable("rows", "user_id", "event_id", "message_id", "room_id", "seq", "kind", "reason", "notification_id", "digest");
        command.With(
            $"""
            insert into notification_withheld (user_id, event_id, message_id, room_id, seq, kind, reason, notification_id, decided_at_ms, digest)
            select user_id, event_id, message_id, room_id, cast(seq as bigint), kind, reason, notification_id, @now, cast(digest as integer) from {columns} r where true
            order by user_id
            on conflict do nothing
            """,
            ("now", now.ToUnixTimeMilliseconds()));
        store.Dialect.AddRows(
            command, "rows", Column(row => row.UserId), Column(row => row.EventId), Column(row => row.Item.MessageId), Column(row => row.Item.RoomId),
            Column(row => row.Item.Seq.ToString(CultureInfo.InvariantCulture)), Column(row => row.Item.Kind), Column(row => row.Reason), Column(row => row.NotificationId),
            Column(row => row.Digest is null ? "0" : "1"));
        await command.RunAsync();
        foreach (var row in rows.Where(row => row.Digest is not null).DistinctBy(row => row.UserId, StringComparer.Ordinal))
        {
            await PutJobAsync(command, row.UserId, row.Digest!.DueAfter(now), now);
        }

        string[] Column(Func<Row, string> value) => [.. rows.Select(value)];
    }

    private sealed record Row(string UserId, string EventId, Notification Item, string NotificationId, string Reason, DigestTime? Digest);
}
