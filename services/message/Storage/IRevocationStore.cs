using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>Tokens that are void before they end.</summary>
internal interface IRevocationStore
{
    /// <summary>Stores one with its record in the audit log, and forgets those that have ended.</summary>
    /// <param name="revocation">Without its number.</param>
    /// <param name="revokedBy">User id.</param>
    /// <param name="reason">For people.</param>
    /// <param name="max">How many there may be.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Its number, larger than that of every one that anybody has seen before; null when there are as many as there may be.</returns>
    /// <exception cref="StoreUnavailableException">Whether it is stored is not known.</exception>
    Task<long?> AddAsync(Revocation revocation, string revokedBy, string reason, int max, CancellationToken cancellationToken);

    /// <summary>Those after a number that have not ended, ascending.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task<IReadOnlyList<Revocation>> ReadAsync(long after, long nowMs, int limit, CancellationToken cancellationToken);
}
