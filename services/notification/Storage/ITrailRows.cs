namespace Tertulia.Notifications.Storage;

/// <summary>What is stored of decisions, to explain them.</summary>
internal interface ITrailRows
{
    /// <summary>Notifications of a message, by user and number.</summary>
    /// <param name="messageId">The message.</param>
    /// <param name="userId">Whose; empty: everybody's.</param>
    /// <param name="limit">At most so many.</param>
    Task<List<NotifiedTrail>> NotifiedAsync(string messageId, string userId, int limit);

    /// <summary>Who was kept from a message's notification, by user.</summary>
    /// <inheritdoc cref="NotifiedAsync" path="/param"/>
    Task<List<KeptOutTrail>> KeptOutAsync(string messageId, string userId, int limit);

    /// <summary>The last pushes of users, oldest first.</summary>
    Task<List<PushTrail>> PushesAsync(IReadOnlyCollection<string> userIds);

    /// <summary>What became of them for the devices, in the same order.</summary>
    Task<List<DeviceTrail>> DevicesAsync(IReadOnlyCollection<string> userIds);

    /// <summary>Up to which number something waits under a tag.</summary>
    Task<List<(string UserId, string Tag, long Useq)>> WaitingAsync(IReadOnlyCollection<string> userIds);
}

/// <summary>A notification of a message.</summary>
/// <param name="Reason">Why it was not pushed; empty: it was, or that can be seen from what it is.</param>
/// <param name="DecidedAtMs">When that was decided; 0: not known.</param>
internal sealed record NotifiedTrail(string UserId, string Kind, string NotificationId, bool IsRead, long Useq, string RoomId, string Reason, long DecidedAtMs);

/// <summary>A user who was not notified of a message.</summary>
internal sealed record KeptOutTrail(string UserId, string Kind, string Reason, long DecidedAtMs);

/// <summary>A push that was decided for a tag.</summary>
/// <param name="Outcome">Why it was not pushed; empty: it was.</param>
internal sealed record PushTrail(string UserId, string PushId, string Tag, long UpToUseq, string Outcome, string ShownId, long AtMs);

/// <summary>A push of a device.</summary>
internal sealed record DeviceTrail(string UserId, string PushId, string Host, string Outcome, int Attempts, long AtMs, string Error);

/// <summary>What is deleted with a user.</summary>
internal interface IOwnedRows
{
    /// <summary>Removes notifications of a user, at most so many.</summary>
    /// <returns>How many.</returns>
    Task<int> RemoveInboxAsync(string userId, int limit);

    /// <summary>Removes all else that is the user's. The user's last number stays, so that one who comes back under the same id is told nothing under a number that devices
    /// have seen.</summary>
    Task RemoveAsync(string userId);

    /// <summary>Failed jobs of webhooks, by key.</summary>
    Task<List<(string Key, string Body)>> FailedWebhookJobsAsync(string afterKey, int limit);

    /// <summary>Replaces a job's body.</summary>
    Task SetJobBodyAsync(string key, string body);
}
