namespace Tertulia.Messages.Storage;

/// <summary>The deletions of users' data, and how far they are: whoever dies, another one goes on. With the promises of <see cref="IMessageStore"/> about failures and
/// callers.</summary>
internal interface IErasures
{
    /// <summary>Begins one, with its record in the audit log; while one of the user goes on nothing is changed.</summary>
    /// <param name="erasure">Which.</param>
    /// <param name="partitions">Of the cluster.</param>
    /// <param name="record">What the audit log says.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task BeginAsync(Erasure erasure, int partitions, AuditRecord record, CancellationToken cancellationToken);

    /// <summary>The latest one of a user; null when there was none.</summary>
    Task<Erasure?> FindAsync(string userId, CancellationToken cancellationToken);

    /// <summary>Those that are not done, the oldest first.</summary>
    Task<IReadOnlyList<Erasure>> ListOpenAsync(int limit, CancellationToken cancellationToken);

    /// <summary>How far it is in the rooms of each partition.</summary>
    Task<IReadOnlyList<ErasurePart>> ReadPartsAsync(string userId, CancellationToken cancellationToken);

    /// <summary>It has come further in a partition.</summary>
    Task MoveAsync(string userId, ErasurePart part, CancellationToken cancellationToken);

    /// <summary>One of its steps is done.</summary>
    Task NoteAsync(string userId, ErasureStep step, long nowMs, CancellationToken cancellationToken);
}

/// <summary>The deletion of a user's data.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="RequestedBy">Who asked for it.</param>
/// <param name="KeepsMessages">What the user wrote stays, without the name.</param>
/// <param name="RequestedAtMs">When, Unix milliseconds.</param>
/// <param name="RoomsDone">The rooms are done.</param>
/// <param name="PresenceDone">So is what presence knew.</param>
/// <param name="NotificationsDone">So is what the notification service knew.</param>
/// <param name="CompletedAtMs">All of it is; 0 before.</param>
internal sealed record Erasure(
    string UserId, string RequestedBy, bool KeepsMessages, long RequestedAtMs, bool RoomsDone = false, bool PresenceDone = false, bool NotificationsDone = false,
    long CompletedAtMs = 0);

/// <summary>How far a deletion is in the rooms of a partition.</summary>
/// <param name="Partition">Which.</param>
/// <param name="RoomId">The room that is being looked at; those with smaller ids are done. Empty at the beginning.</param>
/// <param name="Seq">Up to which the room is done; <see cref="long.MaxValue"/> when all of it is.</param>
/// <param name="IsDone">All rooms are.</param>
internal readonly record struct ErasurePart(int Partition, string RoomId, long Seq, bool IsDone);

/// <summary>A step of a deletion.</summary>
internal enum ErasureStep
{
    /// <summary>All rooms.</summary>
    Rooms,

    /// <summary>The presence service.</summary>
    Presence,

    /// <summary>The notification service.</summary>
    Notifications,

    /// <summary>Everything.</summary>
    All,
}
