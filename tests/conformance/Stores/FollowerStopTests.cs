using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>Who stops while the feed is being read says nothing of a feed that does not answer.</summary>
public sealed class FollowerStopTests : IFeedHandler, IFeedSource, ILogger<FeedFollower>
{
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _log = [];

    [Fact]
    public async Task A_call_that_the_stop_has_ended_is_no_failure()
    {
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Bus:Kind", "InProcess")]).Build())
            .AddSingleton(new ProcessIdentity("test"))
            .AddSingleton(TimeProvider.System)
            .AddLiveBus()
            .BuildServiceProvider();
        var bus = services.GetRequiredService<ILiveBus>();
        using var replicas = new Replicas(bus, "stopping", "one", TimeProvider.System);
        using var follower = new FeedFollower(
            "stopping", partitions: 1, () => Task.CompletedTask, this, this, FeedPace.Prompt, replicas, bus, "one", TimeProvider.System, this);
        await replicas.StartAsync(CancellationToken.None);
        await follower.StartAsync(CancellationToken.None);
        await Eventually.CompletesAsync(_asked.Task, "the feed is read");

        await follower.StopAsync(CancellationToken.None);
        await replicas.StopAsync(CancellationToken.None);

        Assert.DoesNotContain(_log, line => line.Level >= LogLevel.Warning);
    }

    Task<FeedMark> IFeedHandler.OpenAsync(int partition, CancellationToken cancellationToken) => Task.FromResult(FeedMark.Start);

    Task<FeedOutcome[]> IFeedHandler.HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken) =>
        Task.FromResult<FeedOutcome[]>([.. batches.Select(_ => FeedOutcome.Nothing)]);

    // As a call of gRPC ends when its token does.
    async Task<ReadFeedReply> IFeedSource.ReadAsync(ReadFeedRequest request, CancellationToken cancellationToken)
    {
        _asked.TrySetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new RpcException(new Status(StatusCode.Cancelled, "Call canceled by the client."));
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _log.Enqueue((logLevel, formatter(state, exception)));
}
