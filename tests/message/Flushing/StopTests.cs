using System.Diagnostics;
using Tertulia.Bus;
using Tertulia.Messages.Partitions;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>A replica that is to stop while its store or its broker is away ends within seconds; its nodes send again what it leaves.</summary>
public sealed class StopTests : IAsyncLifetime
{
    private static readonly TimeSpan Within = PartitionOwnership.SettleDeadline + TimeSpan.FromSeconds(5);
    private readonly Backbone _backbone = new();
    private readonly TaskCompletionSource _isAway = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _never = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await _backbone.NodeAsync("node-1");

    public async Task DisposeAsync()
    {
        _never.TrySetResult();
        await _node.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task While_the_store_does_not_answer()
    {
        WatchedStore watched = null!;
        var replica = await MessageReplica.StartAsync(_backbone, store: store => watched = new WatchedStore(store));
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        watched.Appending = _ =>
        {
            _isAway.TrySetResult();
            return _never.Task;
        };
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "left"));
        await Eventually.CompletesAsync(_isAway.Task, "an append hangs");

        await AssertStopsAsync(replica);

        await using var next = await MessageReplica.StartAsync(_backbone);
        Assert.Equal("left", Assert.Single(await _node.EventsAsync("lobby", 3, 3)).Message.Content);
    }

    [Fact]
    public async Task While_the_broker_does_not_answer()
    {
        WatchedBus watched = null!;
        var replica = await MessageReplica.StartAsync(_backbone, bus: bus => watched = new WatchedBus(bus));
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        watched.Sending = _ =>
        {
            _isAway.TrySetResult();
            throw new BusUnavailableException("away");
        };
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "left"));
        await Eventually.CompletesAsync(_isAway.Task, "publishing fails");

        await AssertStopsAsync(replica);

        await using var next = await MessageReplica.StartAsync(_backbone);
        Assert.Equal("left", Assert.Single(await _node.EventsAsync("lobby", 3, 3)).Message.Content);
    }

    private static async Task AssertStopsAsync(MessageReplica replica)
    {
        var started = Stopwatch.GetTimestamp();
        await Eventually.CompletesAsync(replica.DisposeAsync().AsTask(), "the replica stops", Within);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, Within);
    }
}
