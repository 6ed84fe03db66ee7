using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Reads of one partition's feed.</summary>
internal static class FeedReads
{
    /// <summary>A page up to where the feed ends now.</summary>
    public static async Task<FeedPage> ReadFeedAsync(this IMessageStore store, int partition, FeedPosition from, ReadLimit limit, CancellationToken cancellationToken) =>
        await store.ReadFeedAsync(await store.ReadFeedHeadsAsync(cancellationToken), partition, from, limit, cancellationToken);
}
