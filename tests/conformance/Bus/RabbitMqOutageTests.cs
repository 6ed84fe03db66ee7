using System.Diagnostics;
using System.Globalization;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>A broker that dies, and a network that breaks.</summary>
[Collection(BrokerCollection.Name)]
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
        Assert.Empty(await sender.SendToNodesAsync([new("n1", Batch(1))], Soon));
        Assert.Equal("1", await node.NextAsync());

        await using var outage = await broker.KillAsync();
        await Eventually.HoldsAsync(() => !receiver.IsConnected && !sender.IsConnected, "both notice that the broker is gone");
        await outage.DisposeAsync();

        Assert.Equal(["node", "presence"], (await restored.NextAsync(2)).Order());
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
            Assert.ThrowsAsync<BusUnavailableException>(() => queue.PublishAsync(Submit(0), Soon)),
            Assert.ThrowsAsync<BusUnavailableException>(() => queue.ConsumeAsync(0, _ => ValueTask.CompletedTask, Soon)));

        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(5));
        Assert.False(bus.IsConnected);
        Assert.False(bus.TrySendToNode("n1", Batch(1)));
        Assert.False(bus.TryPublishHeartbeat("message", new ReplicaHeartbeat()));
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
            Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.PublishAsync(Submit(0), patience.Token)),
            Assert.ThrowsAnyAsync<OperationCanceledException>(() => queue.ConsumeAsync(0, _ => ValueTask.CompletedTask, patience.Token)),
            Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => bus.ReceiveAsNodeAsync("n1", _ => ValueTask.CompletedTask, Ignore, patience.Token)));
    }

    [Fact]
    public async Task What_was_confirmed_outlives_the_broker_and_is_consumed_in_order()
    {
        const int Batches = 400;
        await using var cluster = broker.NewCluster();
        var publisher = cluster.Join().Submit;
        var before = new Recorder<SubmitDelivery>();
        var consumer = await cluster.Join().Submit.ConsumeAsync(0, before.AddAsync, Soon);
        var publishing = PublishUntilConfirmedAsync(publisher, Batches);
        var received = await before.NextAsync(50);

        await using var outage = await broker.KillAsync();
        await Eventually.CompletesAsync(consumer.Lost, "the consumer is told that it is lost");
        await Assert.ThrowsAsync<BusUnavailableException>(() => consumer.AcknowledgeAsync(received[^1], Soon).AsTask());
        await consumer.DisposeAsync();
        await outage.DisposeAsync();
        await Eventually.CompletesAsync(publishing, "everything is confirmed", TimeSpan.FromSeconds(60));

        var after = new Recorder<SubmitDelivery>();
        await using var successor = await cluster.Join().Submit.ConsumeAsync(0, after.AddAsync, Soon);
        var numbers = new List<int>();
        while (numbers.Count == 0 || numbers[^1] < Batches - 1)
        {
            var delivery = await after.NextAsync();
            numbers.Add(Number(delivery));
            await successor.AcknowledgeAsync(delivery, Soon);
        }

        // Nothing was acknowledged before, so all of it comes again; what was published twice because its confirmation was lost comes twice.
        Assert.Equal(Enumerable.Range(0, Batches), numbers.Distinct());
        Assert.Equal(numbers.Order(), numbers);
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

    [Fact]
    public async Task A_deleted_submit_queue_is_declared_again()
    {
        await using var cluster = broker.NewCluster();
        var queue = cluster.Join().Submit;
        await queue.PublishAsync(Submit(1), Soon);
        var received = new Recorder<SubmitDelivery>();
        var consumer = await queue.ConsumeAsync(0, received.AddAsync, Soon);
        await received.NextAsync();

        await RabbitMqAdmin.DeleteQueuesAsync(broker.Broker.Uri, cluster.Options.Prefix, BusCluster.Partitions);

        await Eventually.CompletesAsync(consumer.Lost, "the consumer is told that it is lost");
        await consumer.DisposeAsync();
        await Assert.ThrowsAsync<BusUnavailableException>(() => queue.PublishAsync(Submit(2), Soon));
        await queue.PublishAsync(Submit(3), Soon);
        await using var successor = await queue.ConsumeAsync(0, received.AddAsync, Soon);
        Assert.Equal(3, Number(await received.NextAsync()));
    }

    private static RabbitMqCluster Behind(FaultProxy proxy, TimeSpan timeout, Uri direct) =>
        new(new UriBuilder(direct) { Port = proxy.Port }.Uri, direct) { Options = { Timeout = timeout } };

    private RabbitMqCluster Behind(FaultProxy proxy, TimeSpan timeout) => Behind(proxy, timeout, broker.Broker.Uri);

    private static NodeBatch Batch(int number) => new() { From = number.ToString(CultureInfo.InvariantCulture) };

    private static SubmitBatch Submit(int number) => new() { NodeId = number.ToString(CultureInfo.InvariantCulture) };

    private static int Number(SubmitDelivery delivery) => int.Parse(delivery.Batch.NodeId, CultureInfo.InvariantCulture);

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

    private static async Task PublishUntilConfirmedAsync(ISubmitQueue queue, int count)
    {
        for (var number = 0; number < count;)
        {
            try
            {
                await queue.PublishAsync(Submit(number), Soon);
                number++;
            }
            catch (BusUnavailableException) when (number < count)
            {
                continue; // The same one again.
            }
        }
    }
}
