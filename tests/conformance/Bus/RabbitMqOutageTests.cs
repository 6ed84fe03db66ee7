using System.Diagnostics;
using System.Globalization;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>A broker that dies, and a network that breaks.</summary>
[Collection(BrokerCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
public sealed class RabbitMqOutageTests(BrokerFixture broker)
{
    private static readonly Func<ValueTask> Ignore = () => ValueTask.CompletedTask;

    private static CancellationToken Soon => new CancellationTokenSource(Eventually.Deadline).Token;

    [Fact]
    public async Task After_the_broker_was_killed_receivers_are_told_and_receive_again()
    {
        await using var cluster = broker.NewCluster();
        var (node, all, restored) = (new Recorder<string>(), new Recorder<ulong>(), new Recorder<string>());
        var (receiver, sender) = (cluster.Join().Live, cluster.Join().Live);
        await using var nodeQueue = await receiver.ReceiveAsNodeAsync(
            "n1", batch => node.AddAsync(batch.From), () => restored.AddAsync("node"), Soon);
        await using var presenceQueue = await receiver.ReceivePresenceAsync(
            "p1", report => all.AddAsync(report.Version), () => restored.AddAsync("presence"), Soon);
        await using var hints = await receiver.ReceiveFeedHintsAsync(
            "search.m1", _ => ValueTask.CompletedTask, () => restored.AddAsync("hints"), Soon);
        Assert.Empty(await sender.SendToNodesAsync([new("n1", Batch(1))], Soon));
        Assert.Equal("1", await node.NextAsync());

        await using var outage = await broker.KillAsync();
        await Eventually.HoldsAsync(() => !receiver.IsConnected && !sender.IsConnected, "both notice that the broker is gone");
        await outage.DisposeAsync();

        Assert.Equal(["hints", "node", "presence"], (await restored.NextAsync(3)).Order());
        await Eventually.HoldsAsync(() => receiver.IsConnected && sender.IsConnected, "both are connected again");
        await Eventually.CompletesAsync(SendUntilRoutedAsync(sender, Batch(2)), "a send reaches the new queue");
        await sender.PublishPresenceAsync(new PresenceReport { Version = 7 }, Soon);
        Assert.Equal("2", await node.NextAsync());
        Assert.Equal(7UL, await all.NextAsync());
    }

    [Fact]
    public async Task Without_a_broker_every_call_fails_within_its_deadline()
    {
        var nowhere = new Uri(string.Create(CultureInfo.InvariantCulture, $"amqp://127.0.0.1:{FreePorts.Next()}"));
        await using var cluster = new RabbitMqCluster(nowhere, broker.Broker.Uri) { Options = { Timeout = TimeSpan.FromSeconds(1) } };
        var (bus, queue) = cluster.Join();
        var watch = Stopwatch.StartNew();

        await Task.WhenAll(
            Assert.ThrowsAsync<BusUnavailableException>(() => bus.SendToNodesAsync([new("n1", Batch(1))], Soon)),
            Assert.ThrowsAsync<BusUnavailableException>(() => bus.SendToAllNodesAsync(Batch(1), Soon)),
            Assert.ThrowsAsync<BusUnavailableException>(() => bus.PublishPresenceAsync(new PresenceReport(), Soon)),
            Assert.ThrowsAsync<BusUnavailableException>(() => queue.PublishAsync("m1", Submit(0), Soon)),
            Assert.ThrowsAsync<BusUnavailableException>(() => queue.DeadLetterAsync(Submit(0), "reason", Soon)));

        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(5));
        Assert.False(bus.IsConnected);
        Assert.False(bus.TrySendToNode("n1", Batch(1)));
        Assert.False(bus.TryPublishHeartbeat("message", new ReplicaHeartbeat()));
    }

    [Fact]
    public async Task A_dead_letter_for_which_there_is_no_queue_any_more_is_not_taken_for_kept()
    {
        await using var cluster = broker.NewCluster();
        var queue = cluster.Join().Submit;
        await queue.DeadLetterAsync(Submit(0), "reason", Soon);
        await RabbitMqAdmin.DeleteQueuesAsync(broker.Broker.Uri, cluster.Options.Prefix);

        var failed = await Assert.ThrowsAsync<BusUnavailableException>(() => queue.DeadLetterAsync(Submit(0), "reason", Soon));

        Assert.Contains($"{cluster.Options.Prefix}.submit_error was deleted", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_that_gives_up_waiting_is_told_so_at_once()
    {
        var nowhere = new Uri(string.Create(CultureInfo.InvariantCulture, $"amqp://127.0.0.1:{FreePorts.Next()}"));
        await using var cluster = new RabbitMqCluster(nowhere, broker.Broker.Uri);
        var (bus, queue) = cluster.Join();
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));

        await Task.WhenAll(
            Assert.ThrowsAnyAsync<OperationCanceledException>(() => bus.SendToNodesAsync([new("n1", Batch(1))], patience.Token)),
            Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.PublishAsync("m1", Submit(0), patience.Token)),
            Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.ReceiveAsync("m1", _ => ValueTask.CompletedTask, Ignore, patience.Token)),
            Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => bus.ReceiveAsNodeAsync("n1", _ => ValueTask.CompletedTask, Ignore, patience.Token)));
    }

    [Fact]
    public async Task After_the_broker_was_killed_a_replica_is_told_before_anything_comes_through_its_new_queue()
    {
        await using var cluster = broker.NewCluster();
        var received = new Recorder<string>();
        var sender = cluster.Join().Submit;
        await using var reception = await cluster.Join().Submit.ReceiveAsync(
            "m1", batch => received.AddAsync(batch.NodeId), () => received.AddAsync("restored"), Soon);
        Assert.True(await sender.PublishAsync("m1", Submit(1), Soon));
        Assert.Equal("1", await received.NextAsync());

        await using var outage = await broker.KillAsync();
        await outage.DisposeAsync();
        await Eventually.CompletesAsync(SubmitUntilRoutedAsync(sender, Submit(2)), "a batch reaches the new queue", TimeSpan.FromSeconds(60));

        Assert.Equal(["restored", "2"], await received.NextAsync(2));
    }

    [Fact]
    public async Task A_full_queue_refuses_and_takes_again_when_there_is_room()
    {
        await using var cluster = broker.NewCluster();
        var received = new Recorder<string>();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var reception = await cluster.Join().Submit.ReceiveAsync("m1", async batch =>
        {
            received.Add(batch.NodeId);
            await gate.Task;
        }, Ignore, Soon);
        var queue = cluster.Join().Submit;
        var taken = 0;

        var refused = await Assert.ThrowsAsync<QueueFullException>(async () =>
        {
            for (; taken < 1000; taken++)
            {
                await queue.PublishAsync("m1", Large(taken), Soon);
            }
        });
        gate.SetResult();

        Assert.NotEmpty(refused.Message);
        Assert.InRange(taken, 1, 999);
        await received.NextAsync(taken);
        await Eventually.CompletesAsync(PublishUntilTakenAsync(queue, Large(taken)), "there is room again");
        Assert.Equal($"{taken}", await received.NextAsync());
    }

    [Fact]
    public async Task A_network_that_swallows_everything_fails_calls_in_time_and_loses_nothing_that_comes_through_later()
    {
        await using var proxy = new FaultProxy(broker.Broker.Uri.Port);
        await using var cluster = Behind(proxy, TimeSpan.FromSeconds(1));
        var received = new Recorder<string>();
        var (receiver, sender) = (cluster.Join().Live, cluster.Join().Live);
        await using var reception = await receiver.ReceiveAsNodeAsync("n1", batch => received.AddAsync(batch.From), Ignore, Soon);
        Assert.Empty(await sender.SendToNodesAsync([new("n1", Batch(1))], Soon));

        proxy.Freeze();
        await Assert.ThrowsAsync<BusUnavailableException>(() => sender.SendToNodesAsync([new("n1", Batch(2))], Soon));
        proxy.Thaw();

        await Eventually.CompletesAsync(SendUntilRoutedAsync(sender, Batch(3)), "sends are confirmed again");
        Assert.Equal(["1", "2", "3"], await received.NextAsync(3));
    }

    [Fact]
    public async Task A_connection_that_only_this_end_knows_to_be_dead_is_replaced_at_once()
    {
        await using var proxy = new FaultProxy(broker.Broker.Uri.Port);
        await using var cluster = Behind(proxy, TimeSpan.FromSeconds(5));
        var (received, restored) = (new Recorder<string>(), new Recorder<bool>());
        var (receiver, sender) = (cluster.Join().Live, cluster.Join().Live);
        await using var reception = await receiver.ReceiveAsNodeAsync(
            "n1", batch => received.AddAsync(batch.From), () => restored.AddAsync(true), Soon);
        Assert.Empty(await sender.SendToNodesAsync([new("n1", Batch(1))], Soon));
        Assert.Equal("1", await received.NextAsync());

        proxy.CutClients();

        Assert.True(await restored.NextAsync(TimeSpan.FromSeconds(5))); // The broker holds the old queue for two heartbeats.
        await Eventually.CompletesAsync(SendUntilRoutedAsync(sender, Batch(2)), "sends are confirmed again");
        Assert.Equal("2", await received.NextAsync());
    }

    private static RabbitMqCluster Behind(FaultProxy proxy, TimeSpan timeout, Uri direct) =>
        new(new UriBuilder(direct) { Port = proxy.Port }.Uri, direct) { Options = { Timeout = timeout } };

    private RabbitMqCluster Behind(FaultProxy proxy, TimeSpan timeout) => Behind(proxy, timeout, broker.Broker.Uri);

    private static NodeBatch Batch(int number) => new() { From = number.ToString(CultureInfo.InvariantCulture) };

    private static SubmitBatch Submit(int number) => new() { NodeId = number.ToString(CultureInfo.InvariantCulture) };

    private static SubmitBatch Large(int number)
    {
        var batch = Submit(number);
        batch.Commands.Add(new Command { RoomId = new string('r', 16 * 1024) });
        return batch;
    }

    // What leaves a queue is seen by its publishers a moment later.
    private static async Task PublishUntilTakenAsync(ISubmitQueue queue, SubmitBatch batch)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (true)
        {
            try
            {
                await queue.PublishAsync("m1", batch, deadline.Token);
                return;
            }
            catch (QueueFullException)
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
        }
    }

    private static async Task SendUntilRoutedAsync(ILiveBus bus, NodeBatch batch)
    {
        var routed = false;
        while (!routed)
        {
            try
            {
                routed = (await bus.SendToNodesAsync([new("n1", batch)], Soon)).Count == 0;
            }
            catch (BusUnavailableException)
            {
                routed = false; // Its own deadline was the pause.
            }
        }
    }

    private static async Task SubmitUntilRoutedAsync(ISubmitQueue queue, SubmitBatch batch)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await timer.WaitForNextTickAsync(Soon))
        {
            try
            {
                if (await queue.PublishAsync("m1", batch, Soon))
                {
                    return;
                }
            }
            catch (BusUnavailableException)
            {
                continue; // Its own deadline was the pause.
            }
        }
    }
}
