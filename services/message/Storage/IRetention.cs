namespace Tertulia.Messages.Storage;

/// <summary>Takes what is kept no longer out of the rooms' logs, with the promises of <see cref="IMessageStore"/> about failures and callers.</summary>
/// <remarks>
/// What a room no longer keeps is decided by an entry (<c>RoomEvent.trimmed</c>), which the append applies: from then on nothing of before its seq is shown. The text is taken
/// out afterwards, step by step. That needs no fence: it only empties what such an entry, or the room's deletion, has given up already, and may be done twice.
/// Seqs, keys, and the count of messages stay.
/// </remarks>
internal interface IRetention
{
    /// <summary>Rooms that keep messages for so many days, and those that have something to be emptied, by room id.</summary>
    /// <param name="afterRoomId">Only rooms whose id is larger, compared byte by byte; empty: from the first one.</param>
    /// <param name="limit">Rooms at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<RetainedRoom>> ListAsync(string afterRoomId, int limit, CancellationToken cancellationToken);

    /// <summary>One room as <see cref="ListAsync"/> would list it; null when there is no such room.</summary>
    Task<RetainedRoom?> FindAsync(string roomId, CancellationToken cancellationToken);

    /// <summary>The first entry that is not older than a time, or the one after the last one that was looked at.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="fromSeq">The first entry that is looked at.</param>
    /// <param name="beforeMs">What was written before it, Unix milliseconds, is older.</param>
    /// <param name="limit">Entries that are looked at.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<long> FindFirstKeptAsync(string roomId, long fromSeq, long beforeMs, int limit, CancellationToken cancellationToken);

    /// <summary>Empties the messages and edits of a part of a room's log, in one step: texts, metadata, names, and what was made of them since.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="fromSeq">As <see cref="RetainedRoom.ErasedSeq"/> says.</param>
    /// <param name="toSeq">Exclusive; <see cref="long.MaxValue"/>: the rest of the log of a room that was deleted.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task EraseAsync(string roomId, long fromSeq, long toSeq, CancellationToken cancellationToken);
}

/// <summary>A room of whose log something may be due to go.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="RetentionDays">Messages are kept for so many days; 0: for ever.</param>
/// <param name="FirstSeq">Messages from before it are not shown.</param>
/// <param name="ErasedSeq">Entries before it are emptied.</param>
/// <param name="LastSeq">Of the newest entry.</param>
/// <param name="IsDeleted">Nothing of it is kept.</param>
internal readonly record struct RetainedRoom(string RoomId, int RetentionDays, long FirstSeq, long ErasedSeq, long LastSeq, bool IsDeleted);
