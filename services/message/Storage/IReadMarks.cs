namespace Tertulia.Messages.Storage;

/// <summary>How far users have read their rooms, beside <see cref="IMessageStore"/> and with its promises about failures and callers.</summary>
/// <remarks>
/// <para>A user's position is the mark, or the user's own newest message when that is later and is among the room's newest
/// <see cref="OwnMessagesWithin"/> entries: who writes has read what is above. What a mark that was set back left unread stays unread, own messages included.</para>
/// <para>Who becomes a member gets a mark at the entry that says so, in the append that writes it, and loses it with the membership: what was said
/// before is not unread.</para>
/// </remarks>
internal interface IReadMarks
{
    /// <summary>Entries of a room's end among which a user's own messages move the position.</summary>
    public const int OwnMessagesWithin = 100;

    /// <summary>Writes marks, in one transaction. One that does not move, or would move downwards without being exact, changes nothing.</summary>
    /// <param name="marks">Each user of a room at most once.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task WriteAsync(IReadOnlyCollection<ReadMark> marks, CancellationToken cancellationToken);

    /// <summary>How far users have read, each room's numbers being of one moment. Rooms that do not exist are absent from the result.</summary>
    Task<Dictionary<MemberKey, ReadState>> ReadAsync(IReadOnlyCollection<MemberKey> readers, CancellationToken cancellationToken);

    /// <summary>Unread messages of all rooms that the user is a member of.</summary>
    Task<long> CountUnreadAsync(string userId, CancellationToken cancellationToken);
}

/// <summary>A mark that is to be written.</summary>
/// <param name="Reader">Whose, in which room.</param>
/// <param name="Seq">All up to it is read. Not above <paramref name="LastSeq"/>.</param>
/// <param name="LastSeq">The room's last seq when the mark was set.</param>
/// <param name="IsExact">The mark becomes this one, also when it was higher.</param>
internal readonly record struct ReadMark(MemberKey Reader, long Seq, long LastSeq, bool IsExact);

/// <summary>How far a user has read a room.</summary>
/// <param name="Seq">All up to it is read.</param>
/// <param name="MessagesRead">Messages of the room up to it.</param>
/// <param name="LastSeq">The room's last seq.</param>
/// <param name="Messages">Messages of the room in all.</param>
internal readonly record struct ReadState(long Seq, long MessagesRead, long LastSeq, long Messages)
{
    /// <summary>Messages that are not read.</summary>
    public long Unread => UnreadOf(Messages);

    /// <summary>Messages that are not read, of a room that had so many in all at another moment.</summary>
    public long UnreadOf(long messages) => Math.Max(0, messages - MessagesRead);
}
