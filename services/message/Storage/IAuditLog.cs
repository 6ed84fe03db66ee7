namespace Tertulia.Messages.Storage;

/// <summary>Something that an admin or a moderator did.</summary>
/// <param name="Id">UUIDv7.</param>
/// <param name="AtMs">When, in Unix milliseconds.</param>
/// <param name="ActorId">Who did it.</param>
/// <param name="Action">What: <c>user_revoked</c>.</param>
/// <param name="RoomId">Where; empty when in no room.</param>
/// <param name="TargetId">To whom or what; empty when to the room.</param>
/// <param name="Detail">What the actor said about it.</param>
internal sealed record AuditRecord(string Id, long AtMs, string ActorId, string Action, string RoomId, string TargetId, string Detail);

/// <summary>What is asked for; an empty text asks for all.</summary>
/// <param name="ActorId">Who did it.</param>
/// <param name="Action">What.</param>
/// <param name="RoomId">Where.</param>
/// <param name="TargetId">To whom or what.</param>
/// <param name="SinceMs">Not before, Unix milliseconds.</param>
internal sealed record AuditFilter(string ActorId, string Action, string RoomId, string TargetId, long SinceMs = 0);

/// <summary>What admins and moderators did. Features write it in the transaction of what was done.</summary>
internal interface IAuditLog
{
    /// <summary>Writes one of something that is not in this store. The same id again does nothing.</summary>
    /// <exception cref="StoreUnavailableException">Whether it is written is not known.</exception>
    Task AddAsync(AuditRecord record, CancellationToken cancellationToken);

    /// <summary>The newest ones before a place, descending by time and id.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="beforeMs">Exclusive, with <paramref name="beforeId"/>.</param>
    /// <param name="beforeId">Of the record at that time.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task<IReadOnlyList<AuditRecord>> ReadAsync(AuditFilter filter, long beforeMs, string beforeId, int limit, CancellationToken cancellationToken);
}
