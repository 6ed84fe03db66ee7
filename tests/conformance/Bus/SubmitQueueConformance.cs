using System.Globalization;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>What every adapter of the submit queue does.</summary>
public abstract class SubmitQueueConformance(BusCluster cluster) : IAsyncLifetime
{
    private static CancellationToken Soon => new CancellationTokenSource(Eventually.Deadline).Token;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await cluster.DisposeAsync();

    [Fact]
    public async Task Batches_are_consumed_in_the_order_in_which_they_were_published()
    {
        var received = new Recorder<SubmitDelivery>();
        var queue = cluster.Join().Submit;
        await PublishAsync(queue, 0, 0, 10); // Before there is a consumer: they wait.

        await using var consumer = await cluster.Join().Submit.ConsumeAsync(0, received.AddAsync, Soon);
        await PublishAsync(queue, 0, 10, 10);

        var came = await received.NextAsync(20);
        Assert.Equal(Nodes(0, 20), came.Select(delivery => delivery.Batch.NodeId));
        Assert.All(came, delivery => Assert.False(delivery.Redelivered));
        Assert.Equal(came.Select(delivery => delivery.Tag).Order(), came.Select(delivery => delivery.Tag));
    }

    [Fact]
    public async Task Partitions_are_queues_of_their_own()
    {
        var (zero, one) = (new Recorder<SubmitDelivery>(), new Recorder<SubmitDelivery>());
        var queue = cluster.Join().Submit;
        await using var first = await queue.ConsumeAsync(0, zero.AddAsync, Soon);
        await using var second = await queue.ConsumeAsync(1, one.AddAsync, Soon);

        await PublishAsync(queue, 1, 7, 1);
        await PublishAsync(queue, 0, 8, 1);

        Assert.Equal("7", (await one.NextAsync()).Batch.NodeId);
        Assert.Equal("8", (await zero.NextAsync()).Batch.NodeId);
        Assert.Equal((0, 1), (first.Partition, second.Partition));
        Assert.Equal(0, zero.Waiting + one.Waiting);
    }

    [Fact]
    public async Task The_next_consumer_becomes_active_when_the_first_leaves_and_begins_with_what_that_did_not_acknowledge()
    {
        var (one, two) = (new Recorder<SubmitDelivery>(), new Recorder<SubmitDelivery>());
        var publisher = cluster.Join().Submit;
        var first = await cluster.Join().Submit.ConsumeAsync(0, one.AddAsync, Soon);
        await PublishAsync(publisher, 0, 0, 1);
        await one.NextAsync(); // It is the active one.
        await using var second = await cluster.Join().Submit.ConsumeAsync(0, two.AddAsync, Soon);
        await PublishAsync(publisher, 0, 1, 20);
        await one.NextAsync(20);
        Assert.Equal(0, two.Waiting);

        await first.DisposeAsync();
        await PublishAsync(publisher, 0, 21, 5);

        var came = await two.NextAsync(26);
        Assert.Equal(Nodes(0, 26), came.Select(delivery => delivery.Batch.NodeId));
        Assert.Equal(Enumerable.Repeat(true, 21).Concat(Enumerable.Repeat(false, 5)), came.Select(delivery => delivery.Redelivered));
        Assert.Equal(0, one.Waiting);
    }

    [Fact]
    public async Task Acknowledging_a_batch_acknowledges_all_before_it()
    {
        var (one, two) = (new Recorder<SubmitDelivery>(), new Recorder<SubmitDelivery>());
        var queue = cluster.Join().Submit;
        var first = await queue.ConsumeAsync(0, one.AddAsync, Soon);
        await PublishAsync(queue, 0, 0, 5);
        var came = await one.NextAsync(5);

        await first.AcknowledgeAsync(came[2], Soon);
        await first.DisposeAsync();
        await using var second = await queue.ConsumeAsync(0, two.AddAsync, Soon);

        Assert.Equal(["3", "4"], (await two.NextAsync(2)).Select(delivery => delivery.Batch.NodeId));
    }

    [Fact]
    public async Task A_batch_that_can_never_be_handled_goes_to_the_dead_letter_queue_with_its_reason()
    {
        await cluster.WatchDeadLettersAsync();
        var (one, two) = (new Recorder<SubmitDelivery>(), new Recorder<SubmitDelivery>());
        var queue = cluster.Join().Submit;
        var first = await queue.ConsumeAsync(0, one.AddAsync, Soon);
        await PublishAsync(queue, 0, 0, 4);
        var came = await one.NextAsync(4);

        await first.DeadLetterAsync(came[1], "no such room", Soon);
        await first.DeadLetterAsync(came[2], "neither", Soon);
        await first.AcknowledgeAsync(came[2], Soon); // Itself settled already: acknowledges the one before.
        await first.DisposeAsync();
        await using var second = await queue.ConsumeAsync(0, two.AddAsync, Soon);

        Assert.Equal(
            [("1", "no such room"), ("2", "neither")],
            (await cluster.DeadLetters.NextAsync(2)).Select(dead => (dead.Batch.NodeId, dead.Reason)));
        Assert.Equal("3", (await two.NextAsync()).Batch.NodeId);
        Assert.False(first.Lost.IsFaulted);
    }

    [Fact]
    public async Task A_full_partition_refuses_and_takes_again_when_there_is_room()
    {
        var queue = cluster.Join().Submit;
        var taken = 0;
        var refused = await Assert.ThrowsAsync<QueueFullException>(async () =>
        {
            for (; taken < 1000; taken++)
            {
                await queue.PublishAsync(Large(0, taken), Soon);
            }
        });
        Assert.InRange(taken, 1, 999);
        Assert.NotEmpty(refused.Message);
        await queue.PublishAsync(Large(1, 0), Soon); // The other partition has room.

        var received = new Recorder<SubmitDelivery>();
        await using var consumer = await queue.ConsumeAsync(0, received.AddAsync, Soon);
        var came = await received.NextAsync(taken);
        await consumer.AcknowledgeAsync(came[^1], Soon);

        Assert.Equal(Nodes(0, taken), came.Select(delivery => delivery.Batch.NodeId));
        await PublishUntilTakenAsync(queue, Large(0, taken));
        Assert.Equal($"{taken}", (await received.NextAsync()).Batch.NodeId);
    }

    [Fact]
    public async Task Under_load_every_batch_reaches_the_consumers_in_order_though_they_take_turns()
    {
        const int Batches = 600;
        var publisher = cluster.Join().Submit;
        var handled = new List<int>();
        var publishing = PublishPacedAsync(publisher, Batches);

        // Each turn handles 105, acknowledges every tenth, and leaves five unacknowledged.
        for (var turn = 0; turn < Batches / 100; turn++)
        {
            var received = new Recorder<SubmitDelivery>();
            await using var consumer = await cluster.Join().Submit.ConsumeAsync(0, received.AddAsync, Soon);
            for (var number = 0; number < 105 && !handled.Contains(Batches - 1); number++)
            {
                var delivery = await received.NextAsync();
                handled.Add(int.Parse(delivery.Batch.NodeId, CultureInfo.InvariantCulture));
                if (number % 10 == 9)
                {
                    await consumer.AcknowledgeAsync(delivery, Soon);
                }
            }
        }

        await publishing;
        Assert.Equal(Enumerable.Range(0, Batches / 100).SelectMany(turn => Enumerable.Range(turn * 100, 105)).Where(number => number < Batches), handled);
    }

    [Fact]
    public async Task A_partition_that_does_not_exist_is_refused()
    {
        var queue = cluster.Join().Submit;

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queue.PublishAsync(Batch(BusCluster.Partitions, 0), Soon));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => queue.ConsumeAsync(BusCluster.Partitions, _ => ValueTask.CompletedTask, Soon));
    }

    private static SubmitBatch Batch(int partition, int number) => new() { Partition = (uint)partition, NodeId = number.ToString(CultureInfo.InvariantCulture) };

    private static SubmitBatch Large(int partition, int number)
    {
        var batch = Batch(partition, number);
        batch.Commands.Add(new Command { RoomId = new string('r', 16 * 1024) });
        return batch;
    }

    private static IEnumerable<string> Nodes(int start, int count) => Enumerable.Range(start, count).Select(i => $"{i}");

    private static async Task PublishAsync(ISubmitQueue queue, int partition, int start, int count)
    {
        for (var number = start; number < start + count; number++)
        {
            await queue.PublishAsync(Batch(partition, number), Soon);
        }
    }

    private static async Task PublishPacedAsync(ISubmitQueue queue, int count)
    {
        for (var number = 0; number < count; number++)
        {
            await PublishUntilTakenAsync(queue, Batch(0, number));
        }
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
                await queue.PublishAsync(batch, deadline.Token);
                return;
            }
            catch (QueueFullException) when (!deadline.IsCancellationRequested)
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
        }
    }
}
