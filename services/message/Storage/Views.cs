using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>How much one read returns.</summary>
/// <param name="Count">At most this many.</param>
/// <param name="Bytes">As they are stored, together. The first one is returned even when it alone is larger.</param>
internal readonly record struct ReadLimit(int Count, int Bytes)
{
    /// <summary>So many, within what one internal message holds.</summary>
    /// <param name="count">At most this many.</param>
    public static ReadLimit Of(int count) => new(count, Bytes: 1024 * 1024);
}

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

/// <summary>Answer to <see cref="IMessageStore.LoadAsync"/>, all of one moment.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="Rooms">By room id.</param>
/// <param name="Members">By room and user.</param>
internal sealed record LoadedRooms(string Epoch, Dictionary<string, RoomHead> Rooms, Dictionary<MemberKey, Membership> Members);

/// <summary>A room, the reader's place in it and some of its messages, all of one moment.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="Head">The room.</param>
/// <param name="Reader">The reader's place in it.</param>
/// <param name="Messages">In ascending order.</param>
/// <param name="HasMore">There are more in the direction of the read, which the limit left out.</param>
internal sealed record RoomView(string Epoch, RoomHead Head, Membership Reader, List<Message> Messages, bool HasMore);

/// <summary>A part of a room's log and the room's last seq, both of one moment.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="LastSeq">Of the room.</param>
/// <param name="Events">Consecutive.</param>
/// <param name="HasMore">There are more in the range, which the limit left out.</param>
internal sealed record LogView(string Epoch, long LastSeq, List<RoomEvent> Events, bool HasMore);

/// <summary>A message that was looked for by its id.</summary>
internal readonly record struct FoundMessage(string RoomId, Message Message);

/// <summary>Some of a user's rooms, all of one moment.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="Rooms">By room id.</param>
/// <param name="HasMore">There are more after the last one.</param>
internal sealed record RoomsPage(string Epoch, List<MemberRoom> Rooms, bool HasMore);

/// <summary>A room as its member sees it in a list.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Role">The member's.</param>
/// <param name="LastSeq">Seq of the newest log entry.</param>
/// <param name="Messages">Messages ever written to the room.</param>
internal readonly record struct MemberRoom(string RoomId, string Role, long LastSeq, long Messages);

/// <summary>The rooms that one user created.</summary>
/// <param name="Total">Ever.</param>
/// <param name="Recent">Since the given time.</param>
/// <param name="OldestRecentMs">When the oldest of the recent ones was created, Unix milliseconds; 0 when there is none.</param>
internal readonly record struct CreatedRooms(int Total, int Recent, long OldestRecentMs);

/// <summary>A place in a partition's feed, by owner epoch, then by flush.</summary>
/// <param name="OwnerEpoch">Under which the flush was appended.</param>
/// <param name="Flush">Grows with every flush of the owner.</param>
/// <param name="Entry">Entries of this flush that are read already.</param>
internal readonly record struct FeedPosition(long OwnerEpoch, long Flush, int Entry)
{
    /// <summary>The first entry of all.</summary>
    public static FeedPosition Start { get; }
}

/// <summary>A partition's last flush that can be read.</summary>
/// <param name="OwnerEpoch">The owner's who appended it, or a later one's.</param>
/// <param name="Flush">0: there is none.</param>
internal readonly record struct FeedHead(long OwnerEpoch, long Flush);

/// <summary>Where the feed ends in each partition, at one moment.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="ByPartition">Only partitions that had an owner.</param>
internal sealed record FeedHeads(string Epoch, IReadOnlyDictionary<int, FeedHead> ByPartition);

/// <summary>An entry of the feed.</summary>
internal readonly record struct FeedEntry(string RoomId, RoomEvent Event);

/// <summary>A part of a partition's feed.</summary>
/// <param name="Epoch">Under which the seqs are valid.</param>
/// <param name="Entries">In the order in which they were appended.</param>
/// <param name="Next">Where the next page begins.</param>
/// <param name="HasMore">More is there already, which the limit left out.</param>
internal sealed record FeedPage(string Epoch, List<FeedEntry> Entries, FeedPosition Next, bool HasMore);
