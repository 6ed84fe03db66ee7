using Tertulia.Contracts;

namespace Tertulia.Presence.Storage;

/// <summary>When a user was last online.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="SeenMs">Unix milliseconds.</param>
internal readonly record struct Seen(string UserId, long SeenMs);

/// <summary>What presence knows beyond the nodes' sockets: the statuses that users have chosen, and when they were last online.</summary>
/// <remarks>Any number of replicas write to it; what is newer stays, in whatever order it comes.</remarks>
internal interface IPresenceStore : IStore
{
    /// <summary>Keeps what a user has chosen, unless something with a larger stamp is there.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer: it may be kept or not.</exception>
    Task WriteStatusAsync(ChosenStatus status, CancellationToken cancellationToken);

    /// <summary>Statuses with larger stamps than this, the smallest stamps first; those that have ended or say nothing but <c>online</c> are among them.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task<IReadOnlyList<ChosenStatus>> ReadStatusesAsync(long afterStamp, int limit, CancellationToken cancellationToken);

    /// <summary>Removes what has ended before a time, and what says nothing but <c>online</c> and was chosen before a stamp.</summary>
    /// <returns>How many were removed.</returns>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task<int> RemoveStatusesAsync(long endedBeforeMs, long chosenBeforeStamp, CancellationToken cancellationToken);

    /// <summary>Keeps when users were last online, unless something later is there.</summary>
    /// <param name="seen">Each user once.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="StoreUnavailableException">The database does not answer: some of it may be kept.</exception>
    Task WriteSeenAsync(IReadOnlyCollection<Seen> seen, CancellationToken cancellationToken);

    /// <summary>Removes when a user was last online.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task ForgetSeenAsync(string userId, CancellationToken cancellationToken);

    /// <summary>When these users were last online; those of whom it is not known are missing.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task<IReadOnlyList<Seen>> ReadSeenAsync(IReadOnlyCollection<string> userIds, CancellationToken cancellationToken);
}
