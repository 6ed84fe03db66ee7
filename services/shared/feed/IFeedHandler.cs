using Tertulia.Contracts;

namespace Tertulia.Feed;

/// <summary>What a follower does with the feed, and where it keeps how far it has come.</summary>
public interface IFeedHandler
{
    /// <summary>How far the follower has come; <see cref="FeedMark.Start"/> when it has never followed the partition.</summary>
    Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken);

    /// <summary>Handles batches and stores each <see cref="FeedBatch.To"/>, both or neither: usually one transaction, with <see cref="FeedMarks"/>.</summary>
    /// <remarks>An entry may come again: when the store went back, when what was handled is a call to somebody else, and when the mark behind it was not stored yet.
    /// An exception that is not of the infrastructure is a bug: the batches are tried again, at last entry by entry, and an entry that fails every time is left
    /// out, so that it does not hold up all that come after it.</remarks>
    /// <param name="batches">One of a partition at most, by ascending partition: who locks marks does it in this order.</param>
    /// <param name="cancellationToken">The follower stops.</param>
    /// <returns>What became of each, in their order.</returns>
    Task<FeedOutcome[]> HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken);

    /// <summary>Whether something is left to do for what is handled and whose mark is stored: then the follower comes again at once, with a batch without entries when
    /// there are no new ones. Known from <see cref="OpenAsync"/> on.</summary>
    bool HasRest(int partition) => false;
}

/// <summary>What became of a batch.</summary>
public enum FeedOutcome
{
    /// <summary>The stored mark is not <see cref="FeedBatch.From"/> any more: nothing was done, another follower has the partition.</summary>
    Lost,

    /// <summary>It is handled, and the mark is stored.</summary>
    Stored,

    /// <summary>Its entries are none of the handler's business, and would be none if they came again: the mark is stored later, with others. Never
    /// for a batch without entries, nor for one that begins or follows another epoch.</summary>
    Nothing,
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
public sealed record FeedBatch(int Partition, FeedMark From, FeedMark To, IReadOnlyList<FollowedEntry> Entries)
{
    /// <summary>The store went back or was replaced: what the follower knows of the partition may be wrong, and all of it comes again.</summary>
    public bool IsOfAnotherEpoch => From.Epoch.Length > 0 && From.Epoch != To.Epoch;

    /// <summary>Whether <see cref="FeedOutcome.Nothing"/> is allowed.</summary>
    public bool MayWait => Entries.Count > 0 && From.Epoch == To.Epoch;
}

/// <summary>How often a follower that keeps up reads: the first entry after a quiet time at once, and together what comes in the interval behind it. A round costs
/// about the same whether it reads one entry or fifty.</summary>
/// <param name="Interval">From the beginning of a round that read something to the next one, at least.</param>
public readonly record struct FeedPace(TimeSpan Interval)
{
    /// <summary>For what somebody waits for: 0.2 seconds.</summary>
    public static FeedPace Prompt { get; } = new(TimeSpan.FromMilliseconds(200));

    /// <summary>For what must be right within a second: 0.5 seconds.</summary>
    public static FeedPace Relaxed { get; } = new(TimeSpan.FromMilliseconds(500));
}
