using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Messages.Following;

/// <summary>The feed for other services.</summary>
internal sealed class FeedGrpc(FeedReader reader, IOptions<LiveBusOptions> bus) : FeedService.FeedServiceBase
{
    private const int MaxEntries = 1_000;

    public override Task<ReadFeedReply> ReadFeed(ReadFeedRequest request, ServerCallContext context)
    {
        if (request.Limit is < 1 or > MaxEntries || request.Partitions.Count > bus.Value.Partitions
            || request.Partitions.Any(followed => followed.Partition >= bus.Value.Partitions || followed.From is { Entry: < 0 }))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"limit is 1 to {MaxEntries}, each partition one of {bus.Value.Partitions}");
        }

        return reader.ReadAsync(request, context.CancellationToken);
    }
}
