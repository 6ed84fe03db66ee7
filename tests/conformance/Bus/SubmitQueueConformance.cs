using System.Globalization;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>What every adapter of the submit queue does.</summary>
public abstract class SubmitQueueConformance(BusCluster cluster) : IAsyncLifetime
{
    private static readonly Func<ValueTask> Ignore = () => ValueTask.CompletedTask;

    private static CancellationToken Soon => new CancellationTokenSource(Eventually.Deadline).Token;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await cluster.DisposeAsync();

    [Fact]
    public async Task Batches_arrive_in_the_order_in_which_they_were_sent()
    {
        var received = new Recorder<SubmitBatch>();
        await using var reception = await cluster.Join().Submit.ReceiveAsync("m1", received.AddAsync, Ignore, Soon);
        var queue = cluster.Join().Submit;

        for (var number = 0; number < 300; number++)
        {
            Assert.True(await queue.PublishAsync("m1", Batch(number), Soon));
        }

        Assert.Equal(Enumerable.Range(0, 300).Select(Name), (await received.NextAsync(300)).Select(batch => batch.NodeId));
    }

    [Fact]
    public async Task Each_replica_has_a_queue_of_its_own()
    {
        var (one, two) = (new Recorder<SubmitBatch>(), new Recorder<SubmitBatch>());
        var queue = cluster.Join().Submit;
        await using var first = await cluster.Join().Submit.ReceiveAsync("m1", one.AddAsync, Ignore, Soon);
        await using var second = await cluster.Join().Submit.ReceiveAsync("m2", two.AddAsync, Ignore, Soon);

        Assert.True(await queue.PublishAsync("m2", Batch(7), Soon));
        Assert.True(await queue.PublishAsync("m1", Batch(8), Soon));

        Assert.Equal("7", (await two.NextAsync()).NodeId);
        Assert.Equal("8", (await one.NextAsync()).NodeId);
        Assert.Equal(0, one.Waiting + two.Waiting);
    }

    [Fact]
    public async Task What_is_sent_carries_its_owners_and_that_it_comes_again()
    {
        var received = new Recorder<SubmitBatch>();
        await using var reception = await cluster.Join().Submit.ReceiveAsync("m1", received.AddAsync, Ignore, Soon);
        var batch = new SubmitBatch { NodeId = "n1", Again = true, Owners = { new PartitionOwner { Partition = 3, OwnerEpoch = 77 } } };
        batch.Commands.Add(new Command { CommandId = 5, RoomId = "lobby" });

        await cluster.Join().Submit.PublishAsync("m1", batch, Soon);

        Assert.Equal(batch, await received.NextAsync());
    }

    [Fact]
    public async Task Who_sends_to_a_replica_that_is_gone_or_never_was_is_told()
    {
        var received = new Recorder<SubmitBatch>();
        var queue = cluster.Join().Submit;
        var reception = await cluster.Join().Submit.ReceiveAsync("m1", received.AddAsync, Ignore, Soon);
        Assert.True(await queue.PublishAsync("m1", Batch(1), Soon));
        await received.NextAsync();

        await reception.DisposeAsync();

        Assert.False(await queue.PublishAsync("m1", Batch(2), Soon));
        Assert.False(await queue.PublishAsync("never", Batch(3), Soon));
        Assert.Equal(0, received.Waiting);
    }

    [Fact]
    public async Task A_receiver_that_does_not_return_gets_nothing_more_until_it_does_and_then_everything()
    {
        var received = new Recorder<string>();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var reception = await cluster.Join().Submit.ReceiveAsync("m1", async batch =>
        {
            received.Add(batch.NodeId);
            await gate.Task;
        }, Ignore, Soon);
        var queue = cluster.Join().Submit;

        var sending = Enumerable.Range(0, 20).Select(number => queue.PublishAsync("m1", Batch(number), Soon)).ToArray();
        Assert.Equal("0", await received.NextAsync());
        Assert.Equal(0, received.Waiting);
        gate.SetResult();

        Assert.All(await Task.WhenAll(sending), Assert.True);
        Assert.Equal(Enumerable.Range(1, 19).Select(Name), await received.NextAsync(19));
    }

    [Fact]
    public async Task A_batch_that_can_never_be_handled_goes_to_the_dead_letter_queue_with_its_reason()
    {
        await cluster.WatchDeadLettersAsync();
        var queue = cluster.Join().Submit;

        await queue.DeadLetterAsync(Batch(1), "no such room", Soon);
        await queue.DeadLetterAsync(Batch(2), "neither", Soon);

        Assert.Equal(
            [("1", "no such room"), ("2", "neither")],
            (await cluster.DeadLetters.NextAsync(2)).Select(dead => (dead.Batch.NodeId, dead.Reason)));
    }

    private static string Name(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static SubmitBatch Batch(int number) => new() { NodeId = Name(number) };
}
