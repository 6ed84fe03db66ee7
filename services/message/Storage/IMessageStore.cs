using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>Rooms, members, logs and messages on disk.</summary>
/// <remarks>
/// <para>Everything throws <see cref="StoreUnavailableException"/> when the store does not answer in time: what was asked may or may not have been
/// done, and may be asked again. A caller's token ends only the caller's waiting; what was begun runs to its own end. Any number of processes may
/// use the store at the same time.</para>
/// <para>An append is atomic per room and never across rooms, so that a store without transactions over several documents can
/// keep the promise. Each room's entries are durable when its answer is <see cref="AppendOutcome.Appended"/>, in one step
/// with the room, its members, its changed messages and the feed. Different rooms of one call may become visible at different moments.</para>
/// <para>Every read is of one moment and says the store's epoch at that moment. It is bounded by a <see cref="ReadLimit"/>, by
/// a limit of its own, or by the number of things that were asked for.</para>
/// </remarks>
internal interface IMessageStore : IStore
{
    /// <summary>Names this history of the database: 8 characters. A position under another epoch is void.</summary>
    /// <remarks>The one that this process saw last: every answer of the store brings it up to date.</remarks>
    /// <exception cref="StoreUnavailableException">Not initialised yet.</exception>
    string Epoch { get; }

    /// <summary>Gives the database a new epoch, because it went back in time.</summary>
    /// <param name="knownEpoch">The epoch that is void. When the store has another one already, that one stays.</param>
    /// <returns>The present epoch.</returns>
    Task<string> RenewEpochAsync(string knownEpoch, CancellationToken cancellationToken);

    /// <summary>The epoch of a new owner of a partition. After this returned, nothing of an older owner is appended any more.</summary>
    /// <param name="partition">0 to partitions - 1.</param>
    /// <param name="nowMs">The clock, Unix milliseconds. An owner that the store has forgotten passes at least one more than its own epoch.</param>
    /// <returns><paramref name="nowMs"/>, or one more than the last owner's epoch when that is larger.</returns>
    Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken);

    /// <summary>Appends each room's entries and applies them to the room, its members and its messages; or does nothing for that room.</summary>
    /// <param name="appends">Each room at most once. At least one.</param>
    /// <returns>An answer for each of <paramref name="appends"/>, in the same order.</returns>
    /// <exception cref="StoreRejectedException">An entry holds what the store can never take. Nothing was appended.</exception>
    Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends, CancellationToken cancellationToken);

    /// <summary>The events that are in the log under these keys.</summary>
    Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken);

    /// <summary>Messages by id, in their current state; what does not exist is absent from the result. What its room keeps no longer is shown as deleted by
    /// nobody.</summary>
    Task<IReadOnlyList<FoundMessage>> FindMessagesAsync(IReadOnlyCollection<string> messageIds, CancellationToken cancellationToken);

    /// <summary>Rooms and memberships; what does not exist is absent from the result.</summary>
    Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken);

    /// <summary>The rooms that users created; who created none is absent from the result.</summary>
    /// <param name="userIds">The users.</param>
    /// <param name="sinceMs">Rooms created after this count as recent. Unix milliseconds.</param>
    Task<Dictionary<string, CreatedRooms>> CountCreatedRoomsAsync(
        IReadOnlyCollection<string> userIds, long sinceMs, CancellationToken cancellationToken);

    /// <summary>How many messages a room had up to a seq, inclusive; a seq that does not exist is absent from the result.</summary>
    /// <remarks>What a user has not read is <see cref="RoomHead.Messages"/> less the count at the user's read position.</remarks>
    Task<Dictionary<RoomSeq, long>> CountMessagesAsync(IReadOnlyCollection<RoomSeq> positions, CancellationToken cancellationToken);

    /// <summary>The messages that were created or changed after a position, each once, in the order of <c>updated_seq</c>, in their current state.</summary>
    /// <returns>Null when there is no such room.</returns>
    Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, ReadLimit limit, CancellationToken cancellationToken);

    /// <summary>Messages before or after a seq, those nearest to it, in ascending order, in their current state.</summary>
    /// <returns>Null when there is no such room.</returns>
    Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken);

    /// <summary>The replies of a thread before or after a seq, as <see cref="ReadPageAsync"/> reads a room's messages.</summary>
    /// <param name="reader">The room, and who reads.</param>
    /// <param name="rootSeq">Seq of the message that the thread began with.</param>
    /// <param name="range">Of the replies' seqs.</param>
    /// <param name="limit">Of messages.</param>
    /// <returns>Null when there is no such room.</returns>
    Task<RoomView?> ReadThreadAsync(MemberKey reader, long rootSeq, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken);

    /// <summary>Pinned messages, in descending order of <c>pinned_seq</c>.</summary>
    /// <param name="reader">The room, and who reads.</param>
    /// <param name="beforePinnedSeq">Exclusive.</param>
    /// <param name="limit">Of messages.</param>
    /// <returns>Null when there is no such room.</returns>
    Task<RoomView?> ReadPinsAsync(MemberKey reader, long beforePinnedSeq, ReadLimit limit, CancellationToken cancellationToken);

    /// <summary>How many messages are pinned; a room without one is absent from the result.</summary>
    Task<Dictionary<string, int>> CountPinsAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken);

    /// <summary>Log entries of a room, as they were appended.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="fromSeq">First, inclusive.</param>
    /// <param name="toSeq">Last, inclusive.</param>
    /// <param name="limit">Of entries.</param>
    /// <returns>Null when there is no such room.</returns>
    Task<LogView?> ReadEventsAsync(string roomId, long fromSeq, long toSeq, ReadLimit limit, CancellationToken cancellationToken);

    /// <summary>The rooms a user is a member of, by room id.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="afterRoomId">Only rooms whose id is larger, compared byte by byte; empty: from the first one.</param>
    /// <param name="limit">Rooms at most.</param>
    Task<RoomsPage> ListRoomsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken);

    /// <summary>Where the feed ends: who follows many partitions asks once for all of them.</summary>
    Task<FeedHeads> ReadFeedHeadsAsync(CancellationToken cancellationToken);

    /// <summary>What was appended in a partition, in the order of the appends.</summary>
    /// <remarks>A flush is visible whole or not at all, and none becomes visible before one that is read already: who goes on from
    /// <see cref="FeedPage.Next"/> misses nothing. After a new epoch, what the store lost is missing here, too.</remarks>
    /// <param name="heads">What <see cref="ReadFeedHeadsAsync"/> gave a moment ago. All up to there is read, what came since may be.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="from">The first entry that is wanted: <see cref="FeedPosition.Start"/>, or where a page ended.</param>
    /// <param name="limit">Of entries.</param>
    Task<FeedPage> ReadFeedAsync(FeedHeads heads, int partition, FeedPosition from, ReadLimit limit, CancellationToken cancellationToken);
}

/// <summary>What became of a room's append.</summary>
internal enum AppendOutcome
{
    /// <summary>All of it is durable.</summary>
    Appended,

    /// <summary>Nothing was written: a seq is taken (another writer has the room) or a key is (the entry was written before).</summary>
    Conflict,

    /// <summary>Nothing was written: the partition has a newer owner.</summary>
    NotOwner,

    /// <summary>Nothing was written: the store does not know this owner epoch yet, or lacks the room's entry before the first one. It lost what it had confirmed.</summary>
    WentBack,
}
