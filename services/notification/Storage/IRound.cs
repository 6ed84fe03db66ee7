using Tertulia.Feed;

namespace Tertulia.Notifications.Storage;

/// <summary>What is decided together: reads and writes of the service's database, feature by feature.</summary>
/// <remarks>
/// <para>On SQL it is one transaction. On MongoDB each write is by itself and in the order of the calls, and what ends something is written last, when all else is there: a mark is
/// moved, a job is ended, a notification counts as handled, what was removed is gone. Whatever dies before that, the same is decided again, and finds by its keys what is
/// there already.</para>
/// <para>So who writes says what makes it the same: an event's id, a job's key. And none of it may be told to anyone before <see cref="NotificationStore.WriteAsync"/> has ended.</para>
/// </remarks>
internal interface IRound
{
    /// <summary>Jobs.</summary>
    IJobRows Jobs { get; }

    /// <summary>Notifications, and how far users have read rooms.</summary>
    IInboxRows Inbox { get; }

    /// <summary>Notifications that are decided and told later.</summary>
    ILaterRows Later { get; }

    /// <summary>Preferences and keywords.</summary>
    IPreferenceRows Preferences { get; }

    /// <summary>What was not told or not pushed.</summary>
    IWithheldRows Withheld { get; }

    /// <summary>What is known of rooms.</summary>
    IFactRows Facts { get; }

    /// <summary>Threads.</summary>
    IThreadRows Threads { get; }

    /// <summary>What is to be pushed, and what was.</summary>
    IPushRows Pushes { get; }

    /// <summary>Devices, and the keys that pushes are signed with.</summary>
    IDeviceRows Devices { get; }

    /// <summary>Webhooks and what waits for them.</summary>
    IWebhookRows Webhooks { get; }

    /// <summary>Why somebody was told, or not.</summary>
    ITrailRows Trails { get; }

    /// <summary>What is deleted with a user.</summary>
    IOwnedRows Owned { get; }

    /// <summary>Moves a follower's mark from <see cref="FeedBatch.From"/> to <see cref="FeedBatch.To"/>.</summary>
    /// <param name="follower">Which.</param>
    /// <param name="batch">What is handled in the round. Several of a round: by ascending partition.</param>
    /// <returns>False when the stored mark is another one: nothing of the batch may be written.</returns>
    Task<bool> MoveMarkAsync(string follower, FeedBatch batch);
}
