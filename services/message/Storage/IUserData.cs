using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>What the rooms know of a user: read, and taken out. With the promises of <see cref="IMessageStore"/> about failures and callers.</summary>
internal interface IUserData
{
    /// <summary>All rooms, also deleted ones, by id.</summary>
    Task<Listed<string>> ListRoomsAsync(string afterRoomId, int limit, CancellationToken cancellationToken);

    /// <summary>Those of the rooms in which the user wrote something or has a place, by id.</summary>
    Task<IReadOnlyList<UserRoom>> FindRoomsAsync(string userId, IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken);

    /// <summary>What a user wrote in a room, in the order of its keys: messages in their present state, and other entries.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="userId">Who.</param>
    /// <param name="afterKey">Only entries whose key is larger, compared byte by byte; empty: from the first one.</param>
    /// <param name="limit">How much.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<UserEntry>> ListEntriesAsync(string roomId, string userId, string afterKey, ReadLimit limit, CancellationToken cancellationToken);

    /// <summary>Ids of the user's messages in a part of a room's log that are neither deleted nor kept no longer.</summary>
    Task<IReadOnlyList<string>> FindMessagesAsync(string roomId, string userId, long afterSeq, long toSeq, CancellationToken cancellationToken);

    /// <summary>Takes the user's name, and what the user wrote, out of a part of a room's log, in one step. Places, ids and keys stay.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="userId">Who.</param>
    /// <param name="afterSeq">Exclusive.</param>
    /// <param name="toSeq">Inclusive.</param>
    /// <param name="keepsMessages">Only the name goes.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task EraseAsync(string roomId, string userId, long afterSeq, long toSeq, bool keepsMessages, CancellationToken cancellationToken);

    /// <summary>Takes out what a room knows of the user beside its log: how far it was read, and the name.</summary>
    Task ForgetAsync(string roomId, string userId, CancellationToken cancellationToken);
}

/// <summary>A room in which a user is or was.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="IsDeleted">It has ended.</param>
/// <param name="LastSeq">Of its newest entry.</param>
internal readonly record struct UserRoom(string RoomId, bool IsDeleted, long LastSeq);

/// <summary>Something that a user wrote or did in a room.</summary>
/// <param name="Key">Its idempotency key.</param>
/// <param name="Message">A message in its present state; null when it is none, or is kept no longer.</param>
/// <param name="Entry">The entry, when it is no message.</param>
internal readonly record struct UserEntry(string Key, Message? Message, RoomEvent? Entry);
