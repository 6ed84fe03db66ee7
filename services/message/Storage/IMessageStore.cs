using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>Rooms, members, logs and messages on disk.</summary>
/// <remarks>
/// Everything throws <see cref="StoreUnavailableException"/> when the store does not answer: what was asked may or may not have been
/// done, and may be asked again. Any number of processes may use the store at the same time.
/// </remarks>
internal interface IMessageStore : IAsyncDisposable
{
    /// <summary>Made with the database, so that a position in a restored or lost one is recognised: 8 characters.</summary>
    /// <exception cref="StoreUnavailableException">Not initialised yet.</exception>
    string Epoch { get; }

    /// <summary>Brings the schema up to date and reads the epoch. Several processes may do it at once.</summary>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>Completes when the store answers.</summary>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>The epoch of a new owner of a partition.</summary>
    /// <param name="partition">0 to partitions - 1.</param>
    /// <param name="nowMs">The clock, Unix milliseconds.</param>
    /// <returns><paramref name="nowMs"/>, or one more than the last owner's epoch when that is larger.</returns>
    Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken);

    /// <summary>Appends all entries and applies them to rooms and members; or does nothing of it.</summary>
    /// <param name="entries">Of any number of rooms, each room's in the order of its seqs. At least one.</param>
    /// <exception cref="StoreRejectedException">An entry holds what the store can never take.</exception>
    Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken);

    /// <summary>The events that are in the log under these keys.</summary>
    Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken);

    /// <summary>Rooms and memberships; what does not exist is absent from the result.</summary>
    Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken);

    /// <summary>The messages that changed after a position, in the order of <c>updated_seq</c>, with the room at the same moment.</summary>
    /// <returns>Null when there is no such room.</returns>
    Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, int limit, CancellationToken cancellationToken);

    /// <summary>Messages before or after a seq, those nearest to it, in ascending order, with the room at the same moment.</summary>
    /// <returns>Null when there is no such room.</returns>
    Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, int limit, CancellationToken cancellationToken);

    /// <summary>Log entries of a room.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="fromSeq">First, inclusive.</param>
    /// <param name="toSeq">Last, inclusive.</param>
    /// <param name="limit">At most this many.</param>
    /// <returns>Null when there is no such room.</returns>
    Task<LogView?> ReadEventsAsync(string roomId, long fromSeq, long toSeq, int limit, CancellationToken cancellationToken);

    /// <summary>The rooms a user is a member of, by room id.</summary>
    Task<IReadOnlyList<RoomSummary>> ListRoomsAsync(string userId, CancellationToken cancellationToken);
}

/// <summary>What became of an append.</summary>
internal enum AppendOutcome
{
    /// <summary>All of it is durable.</summary>
    Appended,

    /// <summary>Nothing was written: a seq is taken (another writer has the room) or a key is (the entry was written before).</summary>
    Conflict,
}
