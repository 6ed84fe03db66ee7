using Tertulia.Notifications.Webhooks;

namespace Tertulia.Notifications.Storage;

/// <summary>Webhooks, what waits for them lane by lane, and what they were told of presence.</summary>
internal interface IWebhookRows
{
    /// <summary>All, by id.</summary>
    Task<List<Webhook>> ListAsync();

    /// <summary>One of them.</summary>
    Task<Webhook?> FindAsync(string id);

    /// <summary>Adds one, or changes it.</summary>
    Task PutAsync(WebhookEndpoint endpoint, bool isConfigured, DateTimeOffset now);

    /// <summary>Removes one, and what waits for it.</summary>
    /// <returns>False when there is none.</returns>
    Task<bool> RemoveAsync(string id);

    /// <summary>It is told again, at once.</summary>
    /// <returns>The lanes that have something to tell; null when there is no such webhook.</returns>
    Task<List<string>?> EnableAsync(string id);

    /// <summary>It is not told any more.</summary>
    Task DisableAsync(string id, string error, DateTimeOffset now);

    /// <summary>It took something.</summary>
    Task SucceededAsync(string id, DateTimeOffset now);

    /// <summary>It did not take an event, which is told again later.</summary>
    Task FailedAsync(string id, string lane, WaitingEvent refused, DateTimeOffset notBefore, string error, DateTimeOffset now);

    /// <summary>Adds events behind those that wait, in their order.</summary>
    Task AddEventsAsync(string id, IReadOnlyCollection<WebhookEvent> events, DateTimeOffset now);

    /// <summary>An event waits no longer.</summary>
    Task RemoveEventAsync(string id, string lane, WaitingEvent one);

    /// <summary>The first of a lane.</summary>
    Task<List<WaitingEvent>> WaitingAsync(string id, string lane, int limit);

    /// <summary>Lanes in which something waits.</summary>
    Task<List<string>> LanesAsync(string id);

    /// <summary>Events that wait for a webhook.</summary>
    Task<long> CountWaitingAsync(string id);

    /// <summary>Notes that a webhook is told that rooms are occupied or empty and users online or offline.</summary>
    /// <returns>What it is to be told: what it was not told last.</returns>
    Task<List<PresenceNews>> SetPresenceAsync(string id, IReadOnlyCollection<PresenceSubject> subjects, bool isPresent, DateTimeOffset now);

    /// <summary>Rooms and users of which some webhook was last told that they are there, in order.</summary>
    Task<List<PresenceSubject>> ToldPresentAsync(string after, int limit);

    /// <summary>A replica decides about presence from now on.</summary>
    Task SetPresenceOwnerAsync(string owner);

    /// <summary>Whether it is the one that does.</summary>
    Task<bool> IsPresenceOwnerAsync(string owner);

    /// <summary>A partition's store went back: older entries are not told under the new epoch.</summary>
    Task AddEpochAsync(int partition, string epoch, long sinceMs);

    /// <summary>From when on entries are told under an epoch.</summary>
    Task<long> EpochSinceAsync(int partition, string epoch);

    /// <summary>All events that wait, in some order.</summary>
    /// <param name="after">The last one of the page before; null: from the beginning.</param>
    /// <param name="limit">At most so many.</param>
    Task<List<StoredEvent>> ListEventsAsync(StoredEvent? after, int limit);

    /// <summary>An event says something else.</summary>
    Task SetBodyAsync(StoredEvent one, string body);
}

/// <summary>What a webhook is to be told of presence.</summary>
/// <param name="One">Who, or which room.</param>
/// <param name="IsPresent">Occupied, or online.</param>
/// <param name="EventId">Of the event: the same when it is decided again.</param>
internal readonly record struct PresenceNews(PresenceSubject One, bool IsPresent, string EventId);

/// <summary>An event that waits for a webhook.</summary>
internal sealed record StoredEvent(string WebhookId, string Lane, long Position, string Body);
