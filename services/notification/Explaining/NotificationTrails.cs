using System.Data.Common;
using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Explaining;

/// <summary>Why was somebody told of a message, or not: from what is stored of it.</summary>
internal sealed class NotificationTrails(NotificationStore store)
{
    private const int MaxDecisions = 100;

    /// <summary>Of one message.</summary>
    public async Task<NotificationTrail> OfAsync(ExplainMessageRequest request, CancellationToken cancellationToken)
    {
        var found = await store.ReadAsync(command => DecisionsAsync(command, request), cancellationToken);
        var trail = new NotificationTrail { HasMore = found.Count > MaxDecisions };
        var shown = found.Take(MaxDecisions).ToList();
        var notified = shown.Where(one => one.Useq > 0).ToList();
        if (notified.Count > 0)
        {
            await store.ReadAsync(
                async command =>
                {
                    await AddPushesAsync(command, notified);
                    return true;
                },
                cancellationToken);
        }

        trail.Decisions.AddRange(shown.Select(one => one.Decision));
        if (shown.Count == 0 && request.UserId.Length > 0)
        {
            trail.Decisions.Add(await store.ReadAsync(command => NotConcernedAsync(command, request), cancellationToken));
        }

        return trail;
    }

    private static async Task<List<Found>> DecisionsAsync(DbCommand command, ExplainMessageRequest request)
    {
        var ofUser = request.UserId.Length > 0 ? "and {0}.user_id = @user" : "";
        (string, object?)[] parameters = [("message", request.MessageId), ("user", request.UserId), ("limit", MaxDecisions + 1)];
        var inboxed = await command.With(
            $"""
            select i.user_id, i.kind, i.notification_id, i.is_read, i.useq, i.room_id, coalesce(w.reason, ''), coalesce(w.decided_at_ms, 0)
            from notification_inbox i left join notification_withheld w on w.user_id = i.user_id and w.event_id = i.event_id and w.notification_id = i.notification_id
            where i.message_id = @message {string.Format(CultureInfo.InvariantCulture, ofUser, "i")} order by i.user_id, i.useq limit @limit
            """,
            parameters).ListAsync(row => new Found(
                new NotificationDecision
                {
                    UserId = row.GetString(0), Kind = row.GetString(1), Outcome = "notified", NotificationId = row.GetString(2), Read = row.GetBoolean(3),
                    AtMs = row.GetInt64(7) > 0 ? row.GetInt64(7) : TimeOf(row.GetString(2)),
                },
                row.GetInt64(4), InboxPushes.TagOf(row.GetString(5), row.GetString(2)), row.GetString(6)));
        var kept = await command.With(
            $"""
            select w.user_id, w.kind, w.reason, w.decided_at_ms from notification_withheld w
            where w.message_id = @message and w.notification_id = ''
                and not exists (select 1 from notification_inbox i where i.user_id = w.user_id and i.event_id = w.event_id) {string.Format(CultureInfo.InvariantCulture, ofUser, "w")} order by w.user_id limit @limit
            """,
            parameters).ListAsync(row => new Found(
                new NotificationDecision { UserId = row.GetString(0), Kind = row.GetString(1), Outcome = "kept_out", Reason = row.GetString(2), AtMs = row.GetInt64(3) }, 0, "", ""));
        return [.. inboxed.Concat(kept).OrderBy(one => one.Decision.UserId, StringComparer.Ordinal).ThenBy(one => one.Decision.AtMs)];
    }

    private async Task AddPushesAsync(DbCommand command, List<Found> notified)
    {
        string[] users = [.. notified.Select(one => one.Decision.UserId).Distinct(StringComparer.Ordinal)];
        var pushes = await OfUsersAsync(
            "select p.user_id, p.push_id, p.tag, p.up_to_useq, p.outcome, p.shown_id, p.at_ms from {0} u join notification_pushed p on p.user_id = u.user_id order by p.push_id",
            row => new Pushed(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4), row.GetString(5), row.GetInt64(6)));
        var devices = (await OfUsersAsync(
            """
            select o.user_id, o.push_id, o.host, o.outcome, o.attempts, o.at_ms, o.error from {0} u join notification_push_outcomes o on o.user_id = u.user_id order by o.push_id, o.device_id
            """,
            row => (UserId: row.GetString(0), PushId: row.GetString(1), Device: new DevicePush
            {
                EndpointHost = row.GetString(2), Outcome = row.GetString(3), Attempts = (uint)row.GetInt32(4), AtMs = row.GetInt64(5), Error = row.GetString(6),
            }))).ToLookup(row => (row.UserId, row.PushId), row => row.Device);
        var waiting = (await OfUsersAsync(
            "select p.user_id, p.tag, p.useq from {0} u join notification_pushes p on p.user_id = u.user_id where p.waiting > 0",
            row => (UserId: row.GetString(0), Tag: row.GetString(1), Useq: row.GetInt64(2)))).ToLookup(row => (row.UserId, row.Tag), row => row.Useq);
        var subscribed = (await OfUsersAsync(
            "select distinct s.user_id from {0} u join notification_subscriptions s on s.user_id = u.user_id", row => row.GetString(0))).ToHashSet(StringComparer.Ordinal);
        foreach (var one in notified)
        {
            var userId = one.Decision.UserId;
            var own = pushes.Where(push => push.UserId == userId && push.Tag == one.Tag).ToList();
            var push = new PushDecision();
            if (one.Withheld.Length > 0 || one.Decision.Kind == NotificationKinds.Reaction)
            {
                (push.Outcome, push.Reason) = ("not_pushed", one.Withheld.Length > 0 ? one.Withheld : Withheld.Reaction);
            }
            else if (own.FindIndex(push => push.UpToUseq >= one.Useq) is >= 0 and var at)
            {
                var covers = own[at];
                push.AtMs = covers.AtMs;
                (push.Outcome, push.Reason) = covers.Reason.Length > 0 ? ("not_pushed", covers.Reason) : ("pushed", "");
                if (covers.Reason.Length == 0 && covers.ShownId != one.Decision.NotificationId)
                {
                    (push.Outcome, push.Into) = ("collapsed", covers.ShownId);
                }

                push.Devices.AddRange(devices[(userId, covers.PushId)]);
                foreach (var device in push.Devices.Where(device => device.Outcome == PushLog.Waiting && at < own.Count - 1))
                {
                    device.Outcome = "superseded"; // A newer push of the tag took its place before it was sent.
                }
            }
            else if (waiting[(userId, one.Tag)].Any(useq => useq >= one.Useq) && !pushes.Exists(push => push.UserId == userId && push.AtMs > one.Decision.AtMs))
            {
                push.Outcome = "waiting";
            }
            else
            {
                (push.Outcome, push.Reason) = one.Decision.Read ? ("not_pushed", Withheld.Read)
                    : !subscribed.Contains(userId) ? ("not_pushed", Withheld.NoDevice)
                    : ("unknown", ""); // Too long ago.
            }

            one.Decision.Push = push;
        }

        Task<List<T>> OfUsersAsync<T>(string sql, Func<DbDataReader, T> row)
        {
            command.With(string.Format(CultureInfo.InvariantCulture, sql, store.Dialect.RowsTable("users", "user_id")));
            store.Dialect.AddRows(command, "users", users);
            return command.ListAsync(row);
        }
    }

    private static async Task<NotificationDecision> NotConcernedAsync(DbCommand command, ExplainMessageRequest request) => new()
    {
        UserId = request.UserId,
        Outcome = "none",
        Reason = request.UserId == request.AuthorId ? "author"
            : await command.With("select 1 from notification_members where room_id = @room and user_id = @user", ("room", request.RoomId), ("user", request.UserId))
                .ExecuteScalarAsync(CancellationToken.None) is null ? "not_member"
            : "not_concerned",
    };

    // A UUIDv7 begins with its time.
    private static long TimeOf(string notificationId) =>
        Guid.TryParse(notificationId, out var id) ? Convert.ToInt64(id.ToString("N")[..12], 16) : 0;

    private sealed record Found(NotificationDecision Decision, long Useq, string Tag, string Withheld);

    private sealed record Pushed(string UserId, string PushId, string Tag, long UpToUseq, string Reason, string ShownId, long AtMs);
}
