using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Messages.Following;
using Tertulia.Messages.Storage;
using Tertulia.Sql;

namespace Tertulia.Messages.Searching;

/// <summary>The follower of the feed that keeps the index, beginning anew when the process was started to do so.</summary>
internal sealed partial class SearchStart
{
    /// <summary>Argument of the process: the index is emptied before it follows the feed from its beginning.</summary>
    public const string RebuildArgument = "--rebuild-search";

    private readonly ISearchIndex _index;
    private readonly StoreStart<ISearchIndex> _indexStart;
    private readonly StoreStart<IMessageStore> _storeStart;
    private readonly ILogger<SearchStart> _logger;

    public SearchStart(
        ISearchIndex index, StoreStart<ISearchIndex> indexStart, StoreStart<IMessageStore> storeStart, FeedReader feed, ILiveBus bus, IOptions<LiveBusOptions> options,
        [FromKeyedServices(MessageServiceSetup.Service)] Replicas replicas, ProcessIdentity identity, TimeProvider time, ILogger<SearchStart> logger,
        ILogger<FeedFollower> followerLogger)
    {
        (_index, _indexStart, _storeStart, _logger) = (index, indexStart, storeStart, logger);
        Follower = new FeedFollower(
            "search", options.Value.Partitions, ReadyAsync, feed, new SearchFollower(index), FeedPace.Relaxed, replicas, bus, identity.Id, time, followerLogger);
    }

    /// <summary>To be run.</summary>
    public FeedFollower Follower { get; }

    private async Task ReadyAsync()
    {
        await _storeStart.Initialized;
        await _indexStart.Initialized;
        if (Environment.GetCommandLineArgs().Contains(RebuildArgument))
        {
            LogRebuild();
            await _index.ClearAsync(CancellationToken.None);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The search index is emptied and made anew from the rooms' logs")]
    private partial void LogRebuild();
}
