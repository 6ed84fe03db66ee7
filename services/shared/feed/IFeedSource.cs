using Tertulia.Contracts;

namespace Tertulia.Feed;

/// <summary>Where the feed is read: the message service, or its store itself for who lives there.</summary>
public interface IFeedSource
{
    /// <inheritdoc cref="FeedService.FeedServiceBase.ReadFeed"/>
    Task<ReadFeedReply> ReadAsync(ReadFeedRequest request, CancellationToken cancellationToken);
}

/// <summary>The message service over gRPC.</summary>
public sealed class GrpcFeedSource(FeedService.FeedServiceClient client) : IFeedSource
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <inheritdoc />
    public async Task<ReadFeedReply> ReadAsync(ReadFeedRequest request, CancellationToken cancellationToken) =>
        await client.ReadFeedAsync(request, deadline: DateTime.UtcNow + Patience, cancellationToken: cancellationToken);
}
