using Tertulia.Feed;

namespace Tertulia.Messages.Searching;

/// <summary>Finds messages by what they say. It follows the feed, and can be made anew from it at any time.</summary>
/// <remarks>It holds words and places, not the messages: these are read from the store, whose state is the one that is shown.</remarks>
internal interface ISearchIndex : IStore
{
    /// <summary>The name of who wrote some messages of a room is not kept.</summary>
    Task ForgetNameAsync(string roomId, string userId, long afterSeq, long toSeq, CancellationToken cancellationToken);

    /// <summary>Messages of a room from before a seq are kept no longer.</summary>
    Task ForgetAsync(string roomId, long beforeSeq, CancellationToken cancellationToken);

    /// <summary>How far the index has followed a partition.</summary>
    Task<FeedMark> ReadMarkAsync(int partition, CancellationToken cancellationToken);

    /// <summary>Takes over what pages of the feed changed, and their marks, of each page both or neither.</summary>
    /// <param name="pages">One of a partition at most, by ascending partition.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    /// <returns>What became of each; <see cref="FeedOutcome.Nothing"/> where there was nothing to write.</returns>
    Task<FeedOutcome[]> WriteAsync(IReadOnlyList<SearchPage> pages, CancellationToken cancellationToken);

    /// <summary>Messages that match, the newest first.</summary>
    /// <param name="query">What is looked for; its room is among the rooms.</param>
    /// <param name="roomIds">Only in these; null: in all.</param>
    /// <param name="range">Where the page begins.</param>
    /// <param name="limit">Hits at most.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<List<SearchHit>> FindAsync(
        SearchQuery query, IReadOnlyCollection<string>? roomIds, SearchRange range, int limit, CancellationToken cancellationToken);

    /// <summary>Forgets everything: the follower begins again.</summary>
    Task ClearAsync(CancellationToken cancellationToken);
}

/// <summary>A message that was found.</summary>
/// <param name="Place">Grows with the time of writing, and is another one for every message: where the next page begins.</param>
/// <param name="RoomId">Its room.</param>
/// <param name="MessageId">Its id.</param>
internal readonly record struct SearchHit(long Place, string RoomId, string MessageId);

/// <summary>Exclusive upper bounds of a page.</summary>
/// <param name="Place">Of the hits.</param>
/// <param name="Seq">Of the messages in their rooms.</param>
internal readonly record struct SearchRange(long Place, long Seq)
{
    /// <summary>The newest of all.</summary>
    public static SearchRange Newest { get; } = new(long.MaxValue, long.MaxValue);
}

/// <summary>A message that is new to the index.</summary>
/// <param name="RoomId">Its room.</param>
/// <param name="Seq">Of its creation.</param>
/// <param name="MessageId">Its id.</param>
/// <param name="UserId">Who wrote it.</param>
/// <param name="UserName">The name, folded.</param>
/// <param name="CreatedAtMs">When, Unix milliseconds.</param>
/// <param name="Words">What it says.</param>
/// <param name="HasLink">It has a link.</param>
internal sealed record SearchDocument(
    string RoomId, long Seq, string MessageId, string UserId, string UserName, long CreatedAtMs, IReadOnlyList<string> Words, bool HasLink);

/// <summary>A message that says something else now.</summary>
/// <param name="RoomId">Its room.</param>
/// <param name="Seq">Of its creation.</param>
/// <param name="Words">What it says; none when it was deleted.</param>
/// <param name="HasLink">It has a link.</param>
internal sealed record SearchEdit(string RoomId, long Seq, IReadOnlyList<string> Words, bool HasLink);

/// <summary>A page of the feed, and what it comes to.</summary>
/// <param name="Batch">The page; its entries are not looked at.</param>
/// <param name="Changes">Each message at most once.</param>
internal sealed record SearchPage(FeedBatch Batch, SearchChanges Changes);

/// <summary>What a page of the feed comes to.</summary>
/// <param name="Added">New messages, as the page leaves them.</param>
/// <param name="Edited">Older messages, as the page leaves them.</param>
/// <param name="Removed">Older messages that are gone: room and seq.</param>
/// <param name="Trimmed">Rooms of which nothing from before a seq is kept.</param>
internal sealed record SearchChanges(
    IReadOnlyCollection<SearchDocument> Added, IReadOnlyCollection<SearchEdit> Edited, IReadOnlyCollection<(string RoomId, long Seq)> Removed,
    IReadOnlyCollection<(string RoomId, long FirstSeq)> Trimmed)
{
    /// <summary>Nothing that the index keeps.</summary>
    public bool IsEmpty => Added.Count == 0 && Edited.Count == 0 && Removed.Count == 0 && Trimmed.Count == 0;
}
