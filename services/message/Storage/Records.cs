using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>One entry to be appended to a room's log. Its seq is the event's.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="SenderId">User who caused it.</param>
/// <param name="IdempotencyKey">Unique for ever per room and sender: the same command always has the same.</param>
/// <param name="Event">As it is stored: without origin, command and trace.</param>
internal readonly record struct LogEntry(string RoomId, string SenderId, string IdempotencyKey, RoomEvent Event)
{
    /// <summary>What makes it the same entry when it comes again.</summary>
    public EntryKey Key => new(RoomId, SenderId, IdempotencyKey);
}

/// <summary>The unique key of the log.</summary>
internal readonly record struct EntryKey(string RoomId, string SenderId, string IdempotencyKey);

/// <summary>A user in a room.</summary>
internal readonly record struct MemberKey(string RoomId, string UserId);

/// <summary>What a room knows of a user.</summary>
/// <param name="Role"><c>owner</c>, <c>moderator</c> or <c>member</c>; empty when not a member.</param>
/// <param name="Banned">May neither enter nor read nor write.</param>
internal readonly record struct Membership(string Role, bool Banned)
{
    /// <summary>Of a user the room has never seen.</summary>
    public static Membership None { get; } = new("", Banned: false);

    /// <summary>Whether the user belongs to the room.</summary>
    public bool IsMember => Role.Length > 0 && !Banned;
}

/// <summary>A room as it is on disk.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Kind"><c>open</c> or <c>private</c>.</param>
/// <param name="Members">Number of members.</param>
/// <param name="LastSeq">Seq of the newest log entry.</param>
internal readonly record struct RoomHead(string RoomId, string Kind, int Members, long LastSeq);

/// <summary>Answer to <see cref="IMessageStore.LoadAsync"/>.</summary>
internal sealed record LoadedRooms(Dictionary<string, RoomHead> Rooms, Dictionary<MemberKey, Membership> Members);

/// <summary>A room, the reader's place in it and some of its messages, all of one moment.</summary>
internal sealed record RoomView(RoomHead Head, Membership Reader, List<Message> Messages);

/// <summary>A part of a room's log and the room's last seq, both of one moment.</summary>
internal sealed record LogView(long LastSeq, List<RoomEvent> Events);

/// <summary>Exclusive bounds on a message's seq: the newest before, or the oldest after.</summary>
/// <param name="Seq">The bound.</param>
/// <param name="After">Whether the messages after it are wanted; else those before it.</param>
internal readonly record struct HistoryRange(long Seq, bool After)
{
    /// <summary>The newest messages of all.</summary>
    public static HistoryRange Newest { get; } = new(long.MaxValue, After: false);

    /// <summary>The newest messages before a seq.</summary>
    public static HistoryRange BeforeSeq(long seq) => new(seq, After: false);

    /// <summary>The oldest messages after a seq.</summary>
    public static HistoryRange AfterSeq(long seq) => new(seq, After: true);
}
