using Tertulia.Contracts;

namespace Tertulia.Notifications.Storage;

/// <summary>Threads: their replies that were not deleted, who follows them, and how far each user has read them. A mark moves up only.</summary>
internal interface IThreadRows
{
    /// <summary>A reply is there.</summary>
    Task AddReplyAsync(string roomId, int partition, long seq, string rootId, string userId, long createdAtMs);

    /// <summary>The thread that a reply is in; null: it is none.</summary>
    Task<string?> RootOfAsync(string roomId, long seq);

    /// <summary>Users follow a thread, unless they chose not to.</summary>
    /// <param name="roomId">Where.</param>
    /// <param name="partition">Of the room.</param>
    /// <param name="rootId">Of the thread.</param>
    /// <param name="userIds">Who.</param>
    /// <param name="readSeq">Up to which they have read it.</param>
    /// <param name="again">Also those who chose not to.</param>
    /// <param name="atMs">When: what is not answered for long is forgotten.</param>
    Task FollowAsync(string roomId, int partition, string rootId, IReadOnlyCollection<string> userIds, long readSeq, bool again, long atMs);

    /// <summary>Forgets who follows threads that never began, at most so many.</summary>
    /// <param name="before">When they began to follow them.</param>
    /// <param name="limit">At most.</param>
    /// <returns>How many.</returns>
    Task<int> RemoveUnansweredAsync(DateTimeOffset before, int limit);

    /// <summary>Those who follow a thread, at most so many.</summary>
    Task<List<string>> FollowersAsync(string rootId, int limit);

    /// <summary>Those who have read a thread up to a seq at least.</summary>
    Task<HashSet<string>> ReadersAsync(string rootId, long seq);

    /// <summary>A message is no more: as a reply, and as the beginning of a thread without replies.</summary>
    Task RemoveAsync(string roomId, long seq, string messageId);

    /// <summary>Messages from before this one are no more, neither as replies nor as beginnings of threads.</summary>
    Task TrimAsync(string roomId, long firstSeq);

    /// <summary>Users follow nothing in a room any more.</summary>
    Task RemoveUsersAsync(string roomId, IReadOnlyCollection<string> userIds);

    /// <summary>Users who have to do with a room's threads, each once.</summary>
    Task<List<string>> UsersOfRoomAsync(string roomId);

    /// <summary>The room is no more.</summary>
    Task RemoveRoomAsync(string roomId);

    /// <summary>Moves a user's mark up, and changes the choice to follow when the request has one.</summary>
    /// <returns>False when all of it was so.</returns>
    Task<bool> MarkAsync(MarkThreadRequest request, int partition);

    /// <summary>A user's thread.</summary>
    /// <param name="rootId">Which.</param>
    /// <param name="userId">Whose.</param>
    /// <param name="maxUnread">Unread replies are counted up to so many.</param>
    Task<ThreadUnread?> FindAsync(string rootId, string userId, int maxUnread);

    /// <summary>Threads that a user follows in rooms of which the user is a member, those first that were answered last.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="unreadOnly">Only those with unread replies.</param>
    /// <param name="beforeMs">Only those that were answered before.</param>
    /// <param name="beforeRoot">Or at the same time, with a smaller id.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="maxUnread">Unread replies are counted up to so many.</param>
    Task<List<ThreadUnread>> ListAsync(string userId, bool unreadOnly, long beforeMs, string beforeRoot, int limit, int maxUnread);
}
