using Tertulia.Notifications.Push;

namespace Tertulia.Notifications.Storage;

/// <summary>What users are to be shown, once for each tag, and what became of the last pushes.</summary>
internal interface IPushRows
{
    /// <summary>A notification waits to be pushed: it takes the place of what its tag showed before.</summary>
    Task AddAsync(string userId, PushContent content);

    /// <summary>What is known of a tag.</summary>
    Task<PendingPush?> FindAsync(string userId, string tag);

    /// <summary>Those of the notifications that are the newest ones of their tags.</summary>
    Task<HashSet<(string UserId, string NotificationId)>> NewestOfAsync(IReadOnlyCollection<(string UserId, string NotificationId)> items);

    /// <summary>What waits under a tag shows something else, while its newest notification is this one.</summary>
    Task SetContentAsync(string userId, string tag, string newestId, PushContent content);

    /// <summary>Forgets a tag, while its newest notification is this one.</summary>
    Task RemoveAsync(string userId, string tag, string newestId);

    /// <summary>A tag shows something else from now on, while its newest notification is this one, which is taken off what waits.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="tag">Which.</param>
    /// <param name="newestId">Its newest notification.</param>
    /// <param name="content">What it shows.</param>
    /// <param name="isShown">It was pushed, and is to be replaced: then it waits, as the only one.</param>
    Task ReplaceAsync(string userId, string tag, string newestId, PushContent content, bool isShown);

    /// <summary>Forgets tags whose newest notification has a number up to this one.</summary>
    Task ReadUpToAsync(string userId, long useq);

    /// <summary>Forgets the tag whose newest notification is this one.</summary>
    Task ReadAsync(string userId, string notificationId);

    /// <summary>What waits, oldest first.</summary>
    Task<List<WaitingPush>> WaitingAsync(string userId);

    /// <summary>What waited was pushed, or is not to be; what came meanwhile goes on waiting.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="taken">What waited.</param>
    /// <param name="shownId">What the tag shows now; null: as before.</param>
    Task TakeAsync(string userId, WaitingPush taken, string? shownId);

    /// <summary>When the user was last pushed to; null: never.</summary>
    Task<DateTimeOffset?> PushedAtAsync(string userId);

    /// <summary>The user is pushed to.</summary>
    Task SetPushedAtAsync(string userId, DateTimeOffset now);

    /// <summary>Logs that what waited under a tag was decided.</summary>
    Task LogAsync(string userId, string pushId, string tag, long upToUseq, string reason, string shownId, DateTimeOffset now);

    /// <summary>Logs that a device is to get a push.</summary>
    Task LogDeviceAsync(string userId, string pushId, string deviceId, string host, DateTimeOffset now);

    /// <summary>Logs what became of a device's push.</summary>
    Task NoteAsync(PushJob push, int attempts, string outcome, string error, DateTimeOffset now);

    /// <summary>Removes all but the last pushes of a user from the log.</summary>
    Task ForgetAsync(string userId, int keep);
}

/// <summary>What is known of a tag.</summary>
/// <param name="Content">What it shows.</param>
/// <param name="Waiting">Notifications that were not pushed yet.</param>
/// <param name="ShownId">The newest one that was; null: none.</param>
/// <param name="NewestId">The newest one.</param>
internal sealed record PendingPush(PushContent Content, int Waiting, string? ShownId, string NewestId);

/// <summary>What waits under a tag.</summary>
/// <param name="Ids">The notifications, where the store knows them.</param>
internal sealed record WaitingPush(string Tag, PushContent Content, int Count, IReadOnlyList<string> Ids);

/// <summary>The devices that want pushes.</summary>
internal interface IDeviceRows
{
    /// <summary>Stores a device, in the place of one with the same name and of any that had the same endpoint; a user's oldest ones give way.</summary>
    Task PutAsync(PushSubscription subscription, string endpointHash, DateTimeOffset now, int keep);

    /// <returns>False when there was none of that name.</returns>
    Task<bool> RemoveAsync(string userId, string deviceId);

    /// <summary>Removes the device with an endpoint.</summary>
    Task RemoveByEndpointAsync(string endpointHash);

    /// <summary>A user's devices.</summary>
    Task<List<PushSubscription>> OfAsync(string userId);

    /// <summary>One of them.</summary>
    Task<PushSubscription?> FindAsync(string userId, string deviceId);

    /// <summary>Those of the users who have any.</summary>
    Task<HashSet<string>> WithAnyAsync(IReadOnlyCollection<string> userIds);

    /// <summary>The installation's keys: these, when there were none.</summary>
    Task<VapidKeys> KeysAsync(VapidKeys made);
}
