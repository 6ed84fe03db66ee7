using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>Lists of rooms beside <see cref="IMessageStore"/>, with its promises about failures and callers.</summary>
/// <remarks>Sending writes nothing for them: what a list needs is found in the rooms' logs when it is read, in work that grows with the user's rooms and not with
/// their messages. A ban that has ended does not count. Deleted rooms are in no list. Room ids are compared byte by byte.</remarks>
internal interface IRoomLists
{
    /// <summary>The rooms that a user is a member of, those first in which a message was written last.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="after">Where the page before ended; null: from the first one.</param>
    /// <param name="limit">Rooms at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<ActiveRoom>> ListActiveAsync(string userId, ActiveRoom? after, int limit, CancellationToken cancellationToken);

    /// <summary>The ids of the rooms that a user is invited to and has not entered, ascending.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="afterRoomId">Only ids that are larger; empty: from the first one.</param>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="limit">Rooms at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<string>> ListInvitationsAsync(string userId, string afterRoomId, long nowMs, int limit, CancellationToken cancellationToken);

    /// <summary>The ids of a community's rooms that a user sees, ascending.</summary>
    /// <param name="community">The community.</param>
    /// <param name="userId">The user.</param>
    /// <param name="sees">Which of the rooms that the user does not belong to.</param>
    /// <param name="afterRoomId">Only ids that are larger; empty: from the first one.</param>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="limit">Rooms at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<string>> ListChannelsAsync(
        string community, string userId, ChannelsSeen sees, string afterRoomId, long nowMs, int limit, CancellationToken cancellationToken);

    /// <summary>The rooms of communities that a user is a member of, by community, then by room id.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="after">Only channels after this one; the default: from the first one.</param>
    /// <param name="limit">Channels at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Listed<RoomChannel>> ListUserChannelsAsync(string userId, RoomChannel after, int limit, CancellationToken cancellationToken);

    /// <summary>The newest message of each room, in its current state; a room that has none is absent from the result.</summary>
    Task<Dictionary<string, Message>> ReadLastMessagesAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken);

    /// <summary>The members of direct rooms that a user is in with them; a room in which there is no other is absent from the result.</summary>
    Task<Dictionary<string, RoomUser>> ReadOthersAsync(IReadOnlyCollection<string> roomIds, string userId, CancellationToken cancellationToken);
}

/// <summary>A room in the order of activity.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="AtMs">When its newest message was written, or it was created when it has none. Unix milliseconds.</param>
internal readonly record struct ActiveRoom(string RoomId, long AtMs);

/// <summary>A room of a community.</summary>
/// <param name="Community">The community.</param>
/// <param name="RoomId">The room.</param>
internal readonly record struct RoomChannel(string Community, string RoomId);

/// <summary>Which rooms of a community a user sees. Who is banned from one never sees it.</summary>
internal enum ChannelsSeen
{
    /// <summary>Those that the user is a member of or invited to.</summary>
    Own,

    /// <summary>Those, too, that let anyone in.</summary>
    Open,

    /// <summary>All.</summary>
    All,
}
