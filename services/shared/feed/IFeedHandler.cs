using Tertulia.Contracts;

namespace Tertulia.Feed;

/// <summary>What a follower does with the feed, and where it keeps how far it has come.</summary>
public interface IFeedHandler
{
    /// <summary>How far the follower has come; <see cref="FeedMark.Start"/> when it has never followed the partition.</summary>
    Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken);

    /// <summary>Handles a batch and stores <see cref="FeedBatch.To"/>, both or neither: usually one transaction, with <see cref="FeedMarks"/>.</summary>
    /// <remarks>An entry may come again: when the store went back, and when what was handled is a call to somebody else. An exception that is not of the infrastructure is a bug:
    /// the batch is tried again entry by entry, and an entry that fails every time is left out, so that it does not hold up all that come after it.</remarks>
    /// <returns>False when the stored mark is not <see cref="FeedBatch.From"/> any more: nothing was done, another follower has the partition.</returns>
    Task<bool> HandleAsync(FeedBatch page, CancellationToken cancellationToken);
}

/// <summary>How far a follower has come in a partition.</summary>
/// <param name="Epoch">The store's epoch under which it is valid; empty at the start.</param>
/// <param name="OwnerEpoch">Of the flush.</param>
/// <param name="Flush">Of the owner.</param>
/// <param name="Entry">Entries of the flush that were handled.</param>
public readonly record struct FeedMark(string Epoch, long OwnerEpoch, long Flush, int Entry)
{
    /// <summary>Of a follower that is new.</summary>
    public static FeedMark Start { get; } = new("", 0, 0, 0);
}

/// <summary>Entries that follow each other in one partition.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="From">The mark that is stored.</param>
/// <param name="To">The mark to be stored.</param>
/// <param name="Entries">In the order in which they were appended. None when only the mark moves.</param>
public sealed record FeedBatch(int Partition, FeedMark From, FeedMark To, IReadOnlyList<FollowedEntry> Entries);
