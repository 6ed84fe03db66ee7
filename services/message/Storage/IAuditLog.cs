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
internal sealed record AuditFilter(string ActorId, string Action, string RoomId, string TargetId);

/// <summary>What admins and moderators did. Features write it in the transaction of what was done.</summary>
internal interface IAuditLog
{
    /// <summary>The newest ones before a place, descending by time and id.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="beforeMs">Exclusive, with <paramref name="beforeId"/>.</param>
    /// <param name="beforeId">Of the record at that time.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task<IReadOnlyList<AuditRecord>> ReadAsync(AuditFilter filter, long beforeMs, string beforeId, int limit, CancellationToken cancellationToken);
}
