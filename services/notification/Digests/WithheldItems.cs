using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Digests;

/// <summary>Remembers what was not told or not pushed and why, in the round that decided it, and has it told by the digest of who wants one.</summary>
internal sealed class WithheldItems(NotificationStore store) : IInboxListener
{
    /// <summary>What waits for a digest.</summary>
    public const int Waits = 1;

    /// <summary>What was in one.</summary>
    public const int Told = 2;

    /// <inheritdoc />
    public async Task OnMadeAsync(IRound round, IReadOnlyList<Made> made, DateTimeOffset now)
    {
        var withDevices = await WithDevicesAsync(round, made);
        List<(WithheldRow, DigestTime?)> rows = [];
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
                rows.Add(Row(one.UserId, one.EventId, one.Item, one.Item.NotificationId, reason, digest));
            }
        }

        await AddAsync(round, rows, now);
    }

    /// <inheritdoc />
    public Task OnKeptOutAsync(IRound round, IReadOnlyList<KeptOut> kept, DateTimeOffset now) => AddAsync(
        round,
        [
            .. kept.Select(one => Row(
                one.Wanted.UserId, one.Wanted.EventId, one.Wanted.Item, "", one.Reason, one.Reason == Withheld.Level ? DigestTime.Parse(one.Preferences) : null)),
        ],
        now);

    /// <inheritdoc />
    public Task OnEndedAsync(IRound round, IReadOnlyList<Ended> ended, DateTimeOffset now) => Task.CompletedTask; // Whether it was read is asked when it is told.

    /// <inheritdoc />
    public Task OnDeletedAsync(IRound round, string messageId) => round.Withheld.RemoveOfMessageAsync(messageId);

    /// <inheritdoc />
    public async Task OnRevisedAsync(IRound round, Revision revision, IReadOnlyList<EndedItem> revised, IReadOnlyCollection<string> gone)
    {
        var kept = await round.Withheld.ListKeptOutAsync(revision.EventId, revision.MessageId);
        string[] users = [.. gone, .. kept.Where(one => revision.KindNow(one.UserId, one.Kind, one.Otherwise).Length == 0).Select(one => one.UserId)];
        if (users.Length > 0)
        {
            await round.Withheld.RemoveOfEventAsync(revision.EventId, revision.MessageId, users);
        }
    }

    /// <inheritdoc />
    public Task OnShutOutAsync(IRound round, RoomItems items) => round.Withheld.RemoveOfRoomAsync(items);

    /// <inheritdoc />
    public void OnCommitted()
    {
    }

    /// <summary>A digest is due at the time that the user's preferences say now. Nothing happens when nothing waits for it.</summary>
    public static async Task ScheduleAsync(IRound round, string userId, NotificationPreferences preferences, DateTimeOffset now)
    {
        if (DigestTime.Parse(preferences) is { } digest && await round.Withheld.OldestAsync(userId) is { } oldest)
        {
            await PutJobAsync(round, userId, digest.DueAfter(oldest), now);
        }
    }

    /// <summary>Removes what is old.</summary>
    /// <returns>How many were removed; more may be left when it is <paramref name="limit"/>.</returns>
    public Task<int> PruneAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken) =>
        store.WriteAsync(round => round.Withheld.RemoveOlderAsync(before, limit), cancellationToken);

    private static Task PutJobAsync(IRound round, string userId, DateTimeOffset due, DateTimeOffset now) =>
        round.Jobs.PutAsync($"digest:{userId}", DigestHandler.KindName, userId, due, now);

    private static async Task<HashSet<string>> WithDevicesAsync(IRound round, IReadOnlyList<Made> made)
    {
        string[] users = [.. made.Where(one => DigestTime.Parse(one.Preferences) is not null).Select(one => one.UserId).Distinct(StringComparer.Ordinal)];
        return users.Length == 0 ? [] : await round.Devices.WithAnyAsync(users);
    }

    private static async Task AddAsync(IRound round, List<(WithheldRow Row, DigestTime? Digest)> rows, DateTimeOffset now)
    {
        if (rows.Count == 0)
        {
            return;
        }

        await round.Withheld.AddAsync([.. rows.Select(row => row.Row).OrderBy(row => row.UserId, StringComparer.Ordinal)], now);
        foreach (var (row, digest) in rows.Where(row => row.Digest is not null).DistinctBy(row => row.Row.UserId, StringComparer.Ordinal)
            .OrderBy(row => row.Row.UserId, StringComparer.Ordinal))
        {
            await PutJobAsync(round, row.UserId, digest!.DueAfter(now), now);
        }
    }

    private static (WithheldRow Row, DigestTime? Digest) Row(
        string userId, string eventId, Notification item, string notificationId, string reason, DigestTime? digest) => (
        new WithheldRow(userId, eventId, item.MessageId, item.RoomId, item.Seq, item.Kind, reason, notificationId, Waits: digest is not null), digest);
}
