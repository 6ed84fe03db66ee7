using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>What is read of rooms beside <see cref="IMessageStore"/>, with its promises about failures and callers.</summary>
internal interface IRoomReads
{
    /// <summary>When users last wrote a message in a room, Unix milliseconds; who wrote none since a time is absent from the result.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="sinceMs">Only what came after it is looked at, from the room's end on.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Dictionary<string, long>> LastSentAsync(string roomId, long sinceMs, CancellationToken cancellationToken);

    /// <summary>How many users are invited to a room and have not answered.</summary>
    Task<int> CountInvitedAsync(string roomId, CancellationToken cancellationToken);

    /// <summary>Users who have a place in a room, by user id.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="afterUserId">Only users whose id is larger, compared byte by byte; empty: from the first one.</param>
    /// <param name="withOthers">Also who is banned, muted or invited and no member.</param>
    /// <param name="nowMs">Bans and mutes that have ended by then do not count, but are returned as they are stored. Unix milliseconds.</param>
    /// <param name="limit">Users at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<RoomUser>> ListMembersAsync(
        string roomId, string afterUserId, bool withOthers, long nowMs, int limit, CancellationToken cancellationToken);

    /// <summary>Ids of the rooms that a user is a member of, by room id.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="afterRoomId">Only rooms whose id is larger, compared byte by byte; empty: from the first one.</param>
    /// <param name="limit">Rooms at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<string>> ListRoomIdsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken);

    /// <summary>Entries that report a message of a room, the newest first.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="beforeSeq">Exclusive.</param>
    /// <param name="limit">Entries at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<RoomEvent>> ListReportsAsync(string roomId, long beforeSeq, int limit, CancellationToken cancellationToken);

    /// <summary>What a room is like, and the entries about its settings and its users' places after a seq, in the order of seq. All of one moment.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="sinceSeq">Exclusive.</param>
    /// <param name="limit">Entries at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    /// <returns>Null when there is no such room, or it was deleted.</returns>
    Task<RoomSince?> ReadRoomAsync(string roomId, long sinceSeq, int limit, CancellationToken cancellationToken);
}

/// <summary>A room beside its messages.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="Settings">What it is like.</param>
/// <param name="Entries">Whose body is a changed member or updated settings.</param>
/// <param name="HasMore">There are more after the last one.</param>
internal sealed record RoomSince(string Epoch, RoomSettings Settings, List<RoomEvent> Entries, bool HasMore);

/// <summary>A page of a list.</summary>
/// <param name="Items">In the list's order.</param>
/// <param name="HasMore">There are more after the last one.</param>
internal sealed record Listed<T>(List<T> Items, bool HasMore);

/// <summary>A user who has a place in a room.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Username">How it is shown.</param>
/// <param name="Membership">The place.</param>
internal readonly record struct RoomUser(string UserId, string Username, Membership Membership);
