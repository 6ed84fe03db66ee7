using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Explaining;

/// <summary>Why was somebody told of a message, or not: from what is stored of it.</summary>
internal sealed class NotificationTrails(NotificationStore store)
{
    private const int MaxDecisions = 100;

    /// <summary>Of one message.</summary>
    public async Task<NotificationTrail> OfAsync(ExplainMessageRequest request, CancellationToken cancellationToken)
    {
        var found = await store.ReadAsync(round => DecisionsAsync(round, request), cancellationToken);
        var trail = new NotificationTrail { HasMore = found.Count > MaxDecisions };
        var shown = found.Take(MaxDecisions).ToList();
        var notified = shown.Where(one => one.Useq > 0).ToList();
        if (notified.Count > 0)
        {
            await store.ReadAsync(
                async round =>
                {
                    await AddPushesAsync(round, notified);
                    return true;
                },
                cancellationToken);
        }

        trail.Decisions.AddRange(shown.Select(one => one.Decision));
        if (shown.Count == 0 && request.UserId.Length > 0)
        {
            trail.Decisions.Add(await store.ReadAsync(round => NotConcernedAsync(round, request), cancellationToken));
        }

        return trail;
    }

    private static async Task<List<Found>> DecisionsAsync(IRound round, ExplainMessageRequest request)
    {
        var inboxed = (await round.Trails.NotifiedAsync(request.MessageId, request.UserId, MaxDecisions + 1)).Select(one => new Found(
            new NotificationDecision
            {
                UserId = one.UserId, Kind = one.Kind, Outcome = "notified", NotificationId = one.NotificationId, Read = one.IsRead,
                AtMs = one.DecidedAtMs > 0 ? one.DecidedAtMs : TimeOf(one.NotificationId),
            },
            one.Useq, InboxPushes.TagOf(one.RoomId, one.NotificationId), one.Reason));
        var kept = (await round.Trails.KeptOutAsync(request.MessageId, request.UserId, MaxDecisions + 1)).Select(one => new Found(
            new NotificationDecision { UserId = one.UserId, Kind = one.Kind, Outcome = "kept_out", Reason = one.Reason, AtMs = one.DecidedAtMs }, 0, "", ""));
        return [.. inboxed.Concat(kept).OrderBy(one => one.Decision.UserId, StringComparer.Ordinal).ThenBy(one => one.Decision.AtMs)];
    }

    private static async Task AddPushesAsync(IRound round, List<Found> notified)
    {
        string[] users = [.. notified.Select(one => one.Decision.UserId).Distinct(StringComparer.Ordinal)];
        var pushes = await round.Trails.PushesAsync(users);
        var devices = (await round.Trails.DevicesAsync(users)).ToLookup(row => (row.UserId, row.PushId), row => new DevicePush
        {
            EndpointHost = row.Host, Outcome = row.Outcome, Attempts = (uint)row.Attempts, AtMs = row.AtMs, Error = row.Error,
        });
        var waiting = (await round.Trails.WaitingAsync(users)).ToLookup(row => (row.UserId, row.Tag), row => row.Useq);
        var subscribed = await round.Devices.WithAnyAsync(users);
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
                (push.Outcome, push.Reason) = covers.Outcome.Length > 0 ? ("not_pushed", covers.Outcome) : ("pushed", "");
                if (covers.Outcome.Length == 0 && covers.ShownId != one.Decision.NotificationId)
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
    }

    private static async Task<NotificationDecision> NotConcernedAsync(IRound round, ExplainMessageRequest request) => new()
    {
        UserId = request.UserId,
        Outcome = "none",
        Reason = request.UserId == request.AuthorId ? "author"
            : await round.Facts.RoleAsync(request.RoomId, request.UserId) is null ? "not_member"
            : "not_concerned",
    };

    // A UUIDv7 begins with its time.
    private static long TimeOf(string notificationId) =>
        Guid.TryParse(notificationId, out var id) ? Convert.ToInt64(id.ToString("N")[..12], 16) : 0;

    private sealed record Found(NotificationDecision Decision, long Useq, string Tag, string Withheld);
}
