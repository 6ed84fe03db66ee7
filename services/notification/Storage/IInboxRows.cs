using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;

namespace Tertulia.Notifications.Storage;

/// <summary>The users' notifications. The same event is one notification of a user.</summary>
internal interface IInboxRows
{
    /// <summary>Those of the wanted that are in the inbox, with all that had to be done for them.</summary>
    Task<HashSet<(string UserId, string EventId)>> FindKnownAsync(IReadOnlyList<Wanted> wanted);

    /// <summary>How far their users have read the rooms that they are about.</summary>
    Task<Dictionary<(string UserId, string RoomId), long>> FindReadsAsync(IReadOnlyList<Wanted> wanted);

    /// <summary>Puts notifications into inboxes, with the next numbers of their users.</summary>
    /// <returns>As they are there now.</returns>
    Task<List<Made>> AddAsync(IReadOnlyList<Taken> taken, DateTimeOffset now);

    /// <summary>Removes what is about a message.</summary>
    Task<List<EndedItem>> RemoveOfMessageAsync(string messageId);

    /// <summary>Removes what is about entries of a room.</summary>
    Task<List<EndedItem>> RemoveOfRoomAsync(RoomItems items);

    /// <summary>Users who were told of a room, each once.</summary>
    Task<List<string>> UsersOfRoomAsync(string roomId);

    /// <summary>Removes what others were told of a user's doing, at most so much.</summary>
    Task<List<EndedItem>> RemoveOfActorAsync(string actorId, int limit);

    /// <summary>Removes what is older, at most so much.</summary>
    Task<List<EndedItem>> RemoveOlderAsync(DateTimeOffset before, int limit);

    /// <summary>Takes what was read or removed off its users' counts.</summary>
    /// <returns>The unread notifications of each user.</returns>
    Task<Dictionary<string, uint>> CountDownAsync(IReadOnlyList<EndedItem> ended);

    /// <summary>What was told of an event of a message.</summary>
    Task<List<ToldItem>> ListOfEventAsync(string eventId, string messageId);

    /// <summary>Removes what users were told of an event of a message.</summary>
    Task<List<EndedItem>> RemoveOfEventAsync(string eventId, string messageId, IReadOnlyCollection<string> userIds);

    /// <summary>Users were told of an event of a message for another reason.</summary>
    /// <param name="eventId">The event.</param>
    /// <param name="messageId">The message.</param>
    /// <param name="kinds">By user.</param>
    Task SetKindsAsync(string eventId, string messageId, IReadOnlyDictionary<string, string> kinds);

    /// <summary>What was told of an event of a message shows what it says now.</summary>
    /// <returns>All that was.</returns>
    Task<List<EndedItem>> ReviseAsync(string eventId, string messageId, string body);

    /// <summary>Marks unread notifications of a user as read.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="ids">Which; none: by number.</param>
    /// <param name="upToUseq">Without ids: up to this number.</param>
    Task<List<EndedItem>> MarkAsync(string userId, IReadOnlyCollection<string> ids, long upToUseq);

    /// <summary>Users have read rooms up to a seq; a mark never goes back.</summary>
    /// <param name="reads">Each place once, in the order of users and rooms.</param>
    /// <param name="partitions">Of the cluster.</param>
    /// <returns>The notifications that are read with it.</returns>
    Task<List<EndedItem>> MarkRoomsAsync(IReadOnlyList<RoomRead> reads, int partitions);

    /// <summary>A user has read a thread up to a seq.</summary>
    /// <returns>The notifications that are read with it.</returns>
    Task<List<EndedItem>> MarkThreadAsync(MarkThreadRequest request);

    /// <summary>A user's newest number and unread notifications.</summary>
    Task<(long LastUseq, uint Unread)> CountAsync(string userId);

    /// <summary>A page, newest first.</summary>
    Task<List<Notification>> PageAsync(string userId, long beforeUseq, bool unreadOnly, int limit);

    /// <summary>How often a user is mentioned in rooms and has not read it; a room in which that is not so is absent.</summary>
    Task<Dictionary<string, uint>> CountMentionsAsync(string userId, IReadOnlyCollection<string> roomIds);
}

/// <summary>A notification that its user wants.</summary>
/// <param name="Wanted">It.</param>
/// <param name="Sound">With which sound.</param>
/// <param name="Preferences">The user's; null for those of everyone.</param>
internal readonly record struct Taken(Wanted Wanted, string Sound, NotificationPreferences? Preferences);

/// <summary>The users' preferences.</summary>
internal interface IPreferenceRows
{
    /// <summary>Those of the users who chose any.</summary>
    Task<Dictionary<string, NotificationPreferences>> FindAsync(IReadOnlyCollection<string> userIds);

    /// <summary>Replaces a user's, and the words that the user wants to be told of.</summary>
    Task SaveAsync(string userId, NotificationPreferences preferences, IReadOnlyCollection<string> words);

    /// <summary>Words that users want to be told of: some that contain all of those that are asked for.</summary>
    /// <param name="words">Makes the words that are asked for.</param>
    Task<IReadOnlySet<string>> KeywordsInAsync(Func<IReadOnlyCollection<string>> words);

    /// <summary>Users who want to be told of a word, by word.</summary>
    Task<ILookup<string, string>> KeywordsAsync(IReadOnlyCollection<string> words);
}

/// <summary>What users were not told, or not pushed, and why.</summary>
internal interface IWithheldRows
{
    /// <summary>Adds what is not there yet.</summary>
    Task AddAsync(IReadOnlyList<WithheldRow> rows, DateTimeOffset now);

    /// <summary>Removes what is about a message.</summary>
    Task RemoveOfMessageAsync(string messageId);

    /// <summary>What was kept out of inboxes of an event of a message.</summary>
    Task<List<ToldItem>> ListKeptOutAsync(string eventId, string messageId);

    /// <summary>Removes what is about an event of a message and users.</summary>
    Task RemoveOfEventAsync(string eventId, string messageId, IReadOnlyCollection<string> userIds);

    /// <inheritdoc cref="IInboxRows.RemoveOfRoomAsync"/>
    Task RemoveOfRoomAsync(RoomItems items);

    /// <summary>Users who were not told, or not pushed, something of a room, each once.</summary>
    Task<List<string>> UsersOfRoomAsync(string roomId);

    /// <summary>Removes what is older, at most so much.</summary>
    Task<int> RemoveOlderAsync(DateTimeOffset before, int limit);

    /// <summary>When the oldest that waits for a user's digest was decided; null when nothing does.</summary>
    Task<DateTimeOffset?> OldestAsync(string userId);

    /// <summary>What waits for a user's digest and is not read, by room, most first.</summary>
    /// <remarks>What is in the inbox counts while it is there and unread; what was kept out of it until its room was read so far. What is of no entry cannot be read.</remarks>
    Task<List<(string RoomId, string Name, long Count)>> SumUpAsync(string userId);

    /// <summary>What waited for a user's digest was in one.</summary>
    Task ToldAsync(string userId);
}

/// <summary>Something that a user was not told, or not pushed.</summary>
/// <param name="NotificationId">Empty for what is not in the inbox.</param>
/// <param name="Waits">For the digest.</param>
internal sealed record WithheldRow(
    string UserId, string EventId, string MessageId, string RoomId, long Seq, string Kind, string Reason, string NotificationId, bool Waits);

/// <summary>What is known of rooms from their entries.</summary>
internal interface IFactRows
{
    /// <summary>Forgets all of a partition, its threads, how far its rooms were read and what is told later included.</summary>
    Task ForgetAsync(int partition);

    /// <summary>Those of the rooms that are known.</summary>
    Task<List<(string RoomId, string Kind, string Name)>> FindRoomsAsync(IReadOnlyCollection<string> roomIds);

    /// <summary>A room is, or is called otherwise.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="partition">Its.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="name">How it is shown.</param>
    /// <param name="seq">Of the entry that says so: an older one changes nothing.</param>
    Task SetRoomAsync(string roomId, int partition, string kind, string name, long seq);

    /// <summary>The room is no more.</summary>
    Task RemoveRoomAsync(string roomId);

    /// <summary>A user's place in a room.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="partition">Its.</param>
    /// <param name="userId">The user.</param>
    /// <param name="folded">The username as <see cref="FoldedText"/> has it; empty: as it was.</param>
    /// <param name="role">Empty: the user is no member.</param>
    /// <param name="seq">Of the entry that says so: an older one changes nothing.</param>
    Task SetMemberAsync(string roomId, int partition, string userId, string folded, string role, long seq);

    /// <summary>Members of the room, by user id, at most so many.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="after">Behind this user; empty: from the first.</param>
    /// <param name="limit">So many.</param>
    Task<List<string>> MembersAsync(string roomId, string after, int limit);

    /// <summary>A member's role; null when the user is none.</summary>
    Task<string?> RoleAsync(string roomId, string userId);

    /// <summary>Those of the users who are members.</summary>
    Task<HashSet<string>> MembersOfAsync(string roomId, IReadOnlyCollection<string> userIds);

    /// <summary>Members with one of these names: user ids, or usernames as they may be stored (<see cref="Following.Words.FormsOf"/>).</summary>
    Task<List<string>> NamedAsync(string roomId, IReadOnlyCollection<string> userIds, IReadOnlyCollection<string> folded);
}
