using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Following;

/// <summary>The feed of several partitions, from the store, for followers in this process and elsewhere.</summary>
/// <param name="store">Where the feed is.</param>
/// <param name="ready">Completes when the store can be used: who asks earlier waits.</param>
/// <param name="gate">How much is read at a time.</param>
/// <param name="hints">What wakes followers.</param>
internal sealed class FeedReader(IMessageStore store, Func<Task> ready, ReadGate gate, FeedHints hints) : IFeedSource
{
    private const int ReplyBytes = 1024 * 1024; // A page may go above its part by one entry.
    private const int LeastPageBytes = 16 * 1024;

    /// <inheritdoc />
    public async Task<ReadFeedReply> ReadAsync(ReadFeedRequest request, CancellationToken cancellationToken)
    {
        hints.OnFollower();
        await ready().WaitAsync(cancellationToken);
        var heads = await gate.RunAsync(() => store.ReadFeedHeadsAsync(CancellationToken.None), cancellationToken);
        var reply = new ReadFeedReply();
        var left = ReplyBytes;
        foreach (var followed in request.Partitions)
        {
            var limit = new ReadLimit((int)request.Limit, Math.Max(LeastPageBytes, left));
            var page = left > 0
                ? await gate.RunAsync(() => ReadAsync(heads, followed, limit), cancellationToken)
                : new FollowedPage { Partition = followed.Partition, Epoch = followed.Epoch, Next = followed.From, HasMore = true };
            left -= page.CalculateSize();
            reply.Pages.Add(page);
        }

        return reply;
    }

    private async Task<FollowedPage> ReadAsync(FeedHeads heads, FollowedPartition followed, ReadLimit limit)
    {
        var (partition, from) = ((int)followed.Partition, followed.From ?? new FeedCursor());
        var page = await store.ReadFeedAsync(heads, partition, new FeedPosition(from.OwnerEpoch, from.Flush, from.Entry), limit, CancellationToken.None);
        if (followed.Epoch.Length > 0 && followed.Epoch != page.Epoch)
        {
            page = await store.ReadFeedAsync(heads, partition, FeedPosition.Start, limit, CancellationToken.None);
        }

        return new FollowedPage
        {
            Partition = followed.Partition,
            Epoch = page.Epoch,
            Next = new FeedCursor { OwnerEpoch = page.Next.OwnerEpoch, Flush = page.Next.Flush, Entry = page.Next.Entry },
            HasMore = page.HasMore,
            Entries = { page.Entries.Select(entry => new FollowedEntry { RoomId = entry.RoomId, Event = entry.Event }) },
        };
    }
}
