using System.Globalization;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>What every adapter of the live bus does.</summary>
public abstract class LiveBusConformance(BusCluster cluster) : IAsyncLifetime
{
    private static readonly Func<ValueTask> NeverRestored = () => throw new InvalidOperationException("nothing was lost");

    private static CancellationToken Soon => new CancellationTokenSource(Eventually.Deadline).Token;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await cluster.DisposeAsync();

    [Fact]
    public async Task Batches_arrive_in_the_order_of_the_calls_though_none_was_awaited()
    {
        var sender = cluster.Join().Live;
        var (received, _) = await ReceiveAsync(cluster.Join().Live, "n1");

        var sends = Enumerable.Range(0, 2000).Select(i => sender.SendToNodesAsync([new("n1", Batch(i))], Soon)).ToArray();
        await Eventually.CompletesAsync(Task.WhenAll(sends), "all sends are confirmed");

        Assert.Equal(Numbers(0, 2000), await received.NextAsync(2000));
    }

    [Fact]
    public async Task Each_node_receives_its_own_batch_of_a_call()
    {
        var (one, _) = await ReceiveAsync(cluster.Join().Live, "n1");
        var (two, _) = await ReceiveAsync(cluster.Join().Live, "n2");

        var unroutable = await cluster.Join().Live.SendToNodesAsync([new("n1", Batch(1)), new("n2", Batch(2))], Soon);

        Assert.Empty(unroutable);
        Assert.Equal("1", await one.NextAsync());
        Assert.Equal("2", await two.NextAsync());
        Assert.Equal(0, one.Waiting + two.Waiting);
    }

    [Fact]
    public async Task Nodes_that_do_not_exist_are_named_and_the_others_receive()
    {
        var (received, _) = await ReceiveAsync(cluster.Join().Live, "n1");
        var sender = cluster.Join().Live;

        var unroutable = await sender.SendToNodesAsync(
            [new("gone-1", Batch(1)), new("n1", Batch(2)), new("gone-2", Batch(3))], Soon);

        Assert.Equal(["gone-1", "gone-2"], unroutable.Order());
        Assert.Equal("2", await received.NextAsync());
    }

    [Fact]
    public async Task Of_calls_under_way_at_once_each_learns_its_own_missing_nodes()
    {
        await ReceiveAsync(cluster.Join().Live, "n1");
        var sender = cluster.Join().Live;

        var calls = Enumerable.Range(0, 200)
            .Select(i => sender.SendToNodesAsync([new(i % 3 == 0 ? $"gone-{i}" : "n1", Batch(i))], Soon)).ToArray();
        var answers = await Eventually.CompletesAsync(Task.WhenAll(calls), "all calls are confirmed");

        Assert.Equal(
            Enumerable.Range(0, 200).Select(i => i % 3 == 0 ? $"gone-{i}" : ""), answers.Select(answer => answer.SingleOrDefault() ?? ""));
    }

    [Fact]
    public async Task A_node_that_left_is_named_from_then_on_and_receives_nothing_more()
    {
        var (received, reception) = await ReceiveAsync(cluster.Join().Live, "n1");
        var sender = cluster.Join().Live;
        Assert.Empty(await sender.SendToNodesAsync([new("n1", Batch(1))], Soon));
        await received.NextAsync();

        await reception.DisposeAsync();

        Assert.Equal(["n1"], await sender.SendToNodesAsync([new("n1", Batch(2))], Soon));
        Assert.Equal(0, received.Waiting);
    }

    [Fact]
    public async Task What_is_sent_to_all_reaches_every_node_in_order_with_what_is_sent_to_one()
    {
        var (one, _) = await ReceiveAsync(cluster.Join().Live, "n1");
        var (two, _) = await ReceiveAsync(cluster.Join().Live, "n2");
        var sender = cluster.Join().Live;

        await Task.WhenAll(
            sender.SendToNodesAsync([new("n1", Batch(1)), new("n2", Batch(1))], Soon),
            sender.SendToAllNodesAsync(Batch(2), Soon),
            sender.SendToNodesAsync([new("n1", Batch(3)), new("n2", Batch(3))], Soon));

        Assert.Equal(["1", "2", "3"], await one.NextAsync(3));
        Assert.Equal(["1", "2", "3"], await two.NextAsync(3));
    }

    [Fact]
    public async Task Sending_to_all_when_there_is_no_node_succeeds() =>
        await cluster.Join().Live.SendToAllNodesAsync(Batch(1), Soon);

    [Fact]
    public async Task Sending_nothing_succeeds() =>
        Assert.Empty(await cluster.Join().Live.SendToNodesAsync([], Soon));

    [Fact]
    public async Task An_ephemeral_reaches_its_node()
    {
        var sender = cluster.Join().Live;
        var (one, _) = await ReceiveAsync(cluster.Join().Live, "n1");
        var (two, _) = await ReceiveAsync(cluster.Join().Live, "n2");
        await Eventually.HoldsAsync(() => sender.IsConnected, "the sender is connected");

        Assert.True(sender.TrySendToNode("n1", Batch(7)));

        Assert.Equal("7", await one.NextAsync());
        Assert.Equal(0, two.Waiting);
    }

    [Fact]
    public async Task A_batch_of_megabytes_arrives_whole()
    {
        var received = new Recorder<NodeBatch>();
        await using var reception = await cluster.Join().Live.ReceiveAsNodeAsync("n1", received.AddAsync, NeverRestored, Soon);
        var batch = Batch(1);
        for (var i = 0; i < 3000; i++)
        {
            batch.Ephemerals.Add(new Ephemeral { RoomId = new string((char)('a' + (i % 26)), 1000), UserId = $"u{i}" });
        }

        await cluster.Join().Live.SendToNodesAsync([new("n1", batch)], Soon);

        Assert.Equal(batch, await received.NextAsync());
    }

    [Fact]
    public async Task A_receiver_is_called_by_one_caller_at_a_time()
    {
        var (inside, most) = (0, 0);
        var received = new Recorder<string>();
        await using var reception = await cluster.Join().Live.ReceiveAsNodeAsync("n1", async batch =>
        {
            most = Math.Max(most, Interlocked.Increment(ref inside));
            await Task.Yield();
            Interlocked.Decrement(ref inside);
            received.Add(batch.From);
        }, NeverRestored, Soon);
        var sender = cluster.Join().Live;

        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => sender.SendToNodesAsync([new("n1", Batch(i))], Soon)));

        Assert.Equal(Numbers(0, 500), await received.NextAsync(500));
        Assert.Equal(1, most);
    }

    [Fact]
    public async Task A_receiver_that_throws_receives_the_next_batch_all_the_same()
    {
        var received = new Recorder<string>();
        await using var reception = await cluster.Join().Live.ReceiveAsNodeAsync("n1", batch =>
        {
            received.Add(batch.From);
            return batch.From == "1" ? throw new InvalidOperationException("a bug") : ValueTask.CompletedTask;
        }, NeverRestored, Soon);
        var sender = cluster.Join().Live;

        await sender.SendToNodesAsync([new("n1", Batch(1))], Soon);
        await sender.SendToNodesAsync([new("n1", Batch(2))], Soon);

        Assert.Equal(["1", "2"], await received.NextAsync(2));
    }

    [Fact]
    public async Task A_receiver_that_hangs_holds_nobody_up_and_misses_the_oldest_of_what_does_not_fit()
    {
        const int Sends = 6000;
        var (received, release) = (new Recorder<int>(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await using var reception = await cluster.Join().Live.ReceiveAsNodeAsync("n1", async batch =>
        {
            received.Add(int.Parse(batch.From, CultureInfo.InvariantCulture));
            await release.Task;
        }, NeverRestored, Soon);
        var sender = cluster.Join().Live;

        await Eventually.CompletesAsync(
            Task.WhenAll(Enumerable.Range(0, Sends).Select(i => sender.SendToNodesAsync([new("n1", Padded(i))], Soon))),
            "all sends are confirmed though nobody receives");
        release.SetResult();

        var came = new List<int>();
        while (came.Count == 0 || came[^1] < Sends - 1)
        {
            came.Add(await received.NextAsync());
        }

        Assert.InRange(came.Count, 100, Sends - 1);
        Assert.Equal(came.Distinct().Order(), came);

        static NodeBatch Padded(int number) => new() { From = Batch(number).From, Ephemerals = { new Ephemeral { UserId = new string('u', 200) } } };
    }

    [Fact]
    public async Task Presence_reports_reach_every_replica_in_order()
    {
        var (one, two) = (new Recorder<ulong>(), new Recorder<ulong>());
        await using var first = await cluster.Join().Live.ReceivePresenceAsync("p1", Version(one), NeverRestored, Soon);
        await using var second = await cluster.Join().Live.ReceivePresenceAsync("p2", Version(two), NeverRestored, Soon);
        var sender = cluster.Join().Live;

        await Task.WhenAll(Enumerable.Range(1, 100).Select(
            version => sender.PublishPresenceAsync(new PresenceReport { NodeId = "n1", Version = (ulong)version }, Soon)));

        Assert.Equal(Enumerable.Range(1, 100).Select(version => (ulong)version), await one.NextAsync(100));
        Assert.Equal(Enumerable.Range(1, 100).Select(version => (ulong)version), await two.NextAsync(100));

        static Func<PresenceReport, ValueTask> Version(Recorder<ulong> recorder) => report => recorder.AddAsync(report.Version);
    }

    [Fact]
    public async Task Hints_of_the_feed_reach_every_follower()
    {
        var (one, two) = (new Recorder<FeedHint>(), new Recorder<FeedHint>());
        var bus = cluster.Join().Live;
        await using var first = await bus.ReceiveFeedHintsAsync("search.m1", one.AddAsync, NeverRestored, Soon);
        await using var second = await cluster.Join().Live.ReceiveFeedHintsAsync("notification.n1", two.AddAsync, NeverRestored, Soon);
        await Eventually.HoldsAsync(() => bus.IsConnected, "the sender is connected");

        var hint = new FeedHint { Partitions = { 3, 7 } };
        Assert.True(bus.TryPublishFeedHint(hint));

        Assert.Equal(hint, await one.NextAsync());
        Assert.Equal(hint, await two.NextAsync());
    }

    [Fact]
    public async Task Heartbeats_reach_the_replicas_of_their_service_the_sender_included()
    {
        var (own, peer, other) = (new Recorder<string>(), new Recorder<string>(), new Recorder<string>());
        var bus = cluster.Join().Live;
        await using var first = await bus.ReceiveHeartbeatsAsync("message", "m1", Id(own), Soon);
        await using var second = await cluster.Join().Live.ReceiveHeartbeatsAsync("message", "m2", Id(peer), Soon);
        await using var third = await cluster.Join().Live.ReceiveHeartbeatsAsync("presence", "p1", Id(other), Soon);
        await Eventually.HoldsAsync(() => bus.IsConnected, "the sender is connected");

        Assert.True(bus.TryPublishHeartbeat("message", new ReplicaHeartbeat { ReplicaId = "m1" }));

        Assert.Equal("m1", await own.NextAsync());
        Assert.Equal("m1", await peer.NextAsync());
        Assert.Equal(0, other.Waiting);

        static Func<ReplicaHeartbeat, ValueTask> Id(Recorder<string> recorder) => heartbeat => recorder.AddAsync(heartbeat.ReplicaId);
    }

    private static NodeBatch Batch(int number) => new() { From = number.ToString(CultureInfo.InvariantCulture) };

    private static IEnumerable<string> Numbers(int start, int count) => Enumerable.Range(start, count).Select(i => $"{i}");

    private static async Task<(Recorder<string> Received, IAsyncDisposable Reception)> ReceiveAsync(ILiveBus bus, string nodeId)
    {
        var received = new Recorder<string>();
        var reception = await bus.ReceiveAsNodeAsync(nodeId, batch => received.AddAsync(batch.From), NeverRestored, Soon);
        return (received, reception);
    }
}
