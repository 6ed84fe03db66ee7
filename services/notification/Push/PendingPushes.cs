using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>What a user is to be shown and was not pushed yet, written in the rounds of those who decide it. However much comes, it waits as one row for
/// each tag, and one job.</summary>
internal static class PendingPushes
{
    /// <summary>Shown in the place of a message that is gone.</summary>
    public const string RemovedBody = "This message was removed";

    /// <summary>Shown in the place of a message that was edited and has nothing to do with the user any more.</summary>
    public const string RetractedBody = "This message no longer concerns you";

    /// <summary>Something was put into a user's inbox that is to be pushed. Nothing happens for a user without devices.</summary>
    /// <param name="round">That puts it there. After it, <see cref="JobStore.Ring"/>.</param>
    /// <param name="userId">Whose inbox.</param>
    /// <param name="content">What is to be shown.</param>
    /// <param name="window">As in <see cref="PushOptions.CollapseWindow"/>.</param>
    /// <param name="now">The time.</param>
    public static async Task AddAsync(IRound round, string userId, PushContent content, TimeSpan window, DateTimeOffset now)
    {
        if ((await round.Devices.WithAnyAsync([userId])).Count > 0)
        {
            await round.Pushes.AddAsync(userId, content);
            await WakeAsync(round, userId, window, now);
        }
    }

    /// <summary>What a notification that waits tells of says something else now.</summary>
    public static async Task ReviseAsync(IRound round, string userId, string tag, string notificationId, string body)
    {
        if (await round.Pushes.FindAsync(userId, tag) is { Waiting: > 0 } row && row.NewestId == notificationId)
        {
            await round.Pushes.SetContentAsync(userId, tag, notificationId, row.Content with { Body = body });
        }
    }

    /// <summary>What a notification tells of is gone: when it was shown it is replaced, visibly; when it waits it is not pushed.</summary>
    /// <param name="round">That decides it. After it, <see cref="JobStore.Ring"/>.</param>
    /// <param name="userId">Whose inbox.</param>
    /// <param name="tag">Under which it was to be shown.</param>
    /// <param name="notificationId">Which.</param>
    /// <param name="body">What is shown in its place.</param>
    /// <param name="window">As in <see cref="PushOptions.CollapseWindow"/>.</param>
    /// <param name="now">The time.</param>
    public static async Task RetractAsync(IRound round, string userId, string tag, string notificationId, string body, TimeSpan window, DateTimeOffset now)
    {
        if (await round.Pushes.FindAsync(userId, tag) is not { } row || row.NewestId != notificationId)
        {
            return; // Something newer took its place on the device, or it was read.
        }

        var isShown = row.ShownId == notificationId;
        if (!isShown && row is { Waiting: <= 1, ShownId: null })
        {
            await round.Pushes.RemoveAsync(userId, tag, notificationId);
            return;
        }

        await round.Pushes.ReplaceAsync(userId, tag, notificationId, row.Content with { Body = body }, isShown);
        if (isShown)
        {
            await WakeAsync(round, userId, window, now);
        }
    }

    /// <summary>When the user may be pushed to again.</summary>
    public static async Task<DateTimeOffset> DueAsync(IRound round, string userId, TimeSpan window) =>
        await round.Pushes.PushedAtAsync(userId) is { } pushedAt ? pushedAt + window : DateTimeOffset.MinValue;

    private static async Task WakeAsync(IRound round, string userId, TimeSpan window, DateTimeOffset now)
    {
        var due = await DueAsync(round, userId, window);
        await round.Jobs.PutAsync($"push-user:{userId}", PushUserHandler.KindName, userId, due > now ? due : now, now);
    }
}
