using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>What comes into an inbox is pushed, unless its user is not to be disturbed, or it is a reaction.</summary>
internal sealed class InboxPushes(JobStore jobs, IOptions<PushOptions> options) : IInboxListener
{
    private const string DigestTag = "digest";

    /// <summary>What replaces each other on a device: all of a room.</summary>
    public static string TagOf(string roomId, string notificationId) => roomId.Length > 0 ? $"room:{roomId}" : $"notification:{notificationId}";

    /// <inheritdoc />
    public async Task OnMadeAsync(IRound round, IReadOnlyList<Made> made, DateTimeOffset now)
    {
        Made[] pushed = [.. made.Where(one => one.Item.Kind != NotificationKinds.Reaction && PreferenceRules.QuietUntil(one.Preferences, now) is null)];
        if (pushed.Length == 0)
        {
            return;
        }

        // Asked once for all: a mention of a whole room concerns thousands.
        var withDevices = await round.Devices.WithAnyAsync([.. pushed.Select(one => one.UserId).Distinct(StringComparer.Ordinal)]);
        foreach (var one in pushed.Where(one => withDevices.Contains(one.UserId)))
        {
            await PendingPushes.AddAsync(round, one.UserId, ContentOf(one.Item), options.Value.CollapseWindow, now);
        }
    }

    /// <inheritdoc />
    public Task OnKeptOutAsync(IRound round, IReadOnlyList<KeptOut> kept, DateTimeOffset now) => Task.CompletedTask;

    /// <inheritdoc />
    public Task OnDeletedAsync(IRound round, string messageId) => Task.CompletedTask; // What of it is in inboxes ends.

    /// <inheritdoc />
    public Task OnShutOutAsync(IRound round, RoomItems items) => Task.CompletedTask; // So it does.

    /// <inheritdoc />
    public async Task OnRevisedAsync(IRound round, Revision revision, IReadOnlyList<EndedItem> revised, IReadOnlyCollection<string> gone)
    {
        foreach (var item in await NewestOfAsync(round, revised))
        {
            await PendingPushes.ReviseAsync(round, item.UserId, TagOf(item.RoomId, item.Id), item.Id, revision.Body);
        }
    }

    /// <inheritdoc />
    public async Task OnEndedAsync(IRound round, IReadOnlyList<Ended> ended, DateTimeOffset now)
    {
        var newest = (await NewestOfAsync(round, [.. ended.SelectMany(user => user.Items)])).ToHashSet();
        foreach (var user in ended)
        {
            var body = user.IsRetracted ? PendingPushes.RetractedBody : PendingPushes.RemovedBody;
            foreach (var item in user.Items.Where(newest.Contains))
            {
                await (user.What.Removed
                    ? PendingPushes.RetractAsync(round, user.UserId, TagOf(item.RoomId, item.Id), item.Id, body, options.Value.CollapseWindow, now)
                    : round.Pushes.ReadAsync(user.UserId, item.Id));
            }
        }
    }

    /// <inheritdoc />
    public void OnCommitted() => jobs.Ring();

    // Asked once for all: most have nothing to do with any push.
    private static async Task<EndedItem[]> NewestOfAsync(IRound round, IReadOnlyList<EndedItem> items)
    {
        var newest = items.Count > 0 ? await round.Pushes.NewestOfAsync([.. items.Select(item => (item.UserId, item.Id))]) : [];
        return [.. items.Where(item => newest.Contains((item.UserId, item.Id)))];
    }

    private static PushContent ContentOf(Notification item) => new(
        item.Kind == NotificationKinds.Digest ? DigestTag : TagOf(item.RoomId, item.NotificationId), item.Kind, item.Title, item.Body, item.Link, item.Sound, item.RoomId,
        item.NotificationId, item.Useq, Count: 1, item.CreatedAtMs, item.Rooms.Count > 0 ? [.. item.Rooms.Select(room => new PushRoom(room.RoomId, room.Name, room.Count))] : null);
}
