using Google.Protobuf;
using Tertulia.Bus;
using Tertulia.Bus.InProcess;
using Tertulia.Bus.RabbitMq;
using Tertulia.Contracts;
using Tertulia.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Tertulia.Conformance.Bus;

/// <summary>What is too large for the broker is refused for good, before it harms what is on its way.</summary>
[Collection(BrokerCollection.Name)]
public sealed class MessageSizeTests(BrokerFixture broker)
{
    // The broker of the tests takes 128 MiB (RabbitMQ 3.10) or 16 MiB (4.x).
    private const int AboveEveryBroker = 129 * 1024 * 1024;

    private static CancellationToken Soon => new CancellationTokenSource(Eventually.Deadline).Token;

    [Fact]
    public async Task What_is_above_the_limit_is_refused_for_good_on_every_way_and_the_rest_goes_on()
    {
        await using var cluster = broker.NewCluster();
        cluster.Options.MaxMessageBytes = 1024 * 1024;
        var received = new Recorder<string>();
        await using var reception = await cluster.Join().Live.ReceiveAsNodeAsync("n1", batch => received.AddAsync(batch.From), Nothing, Soon);
        var (bus, queue) = cluster.Join();
        var tooLarge = Batch("x", 1024 * 1024);
        var submit = new SubmitBatch { NodeId = new string('n', 1024 * 1024) };

        await Assert.ThrowsAsync<MessageTooLargeException>(() => bus.SendToNodesAsync([new("n1", Batch("1", 10)), new("n1", tooLarge)], Soon));
        await Assert.ThrowsAsync<MessageTooLargeException>(() => bus.SendToAllNodesAsync(tooLarge, Soon));
        await Assert.ThrowsAsync<MessageTooLargeException>(() => queue.PublishAsync("m1", submit, Soon));
        await Assert.ThrowsAsync<MessageTooLargeException>(() => queue.DeadLetterAsync(submit, "reason", Soon));
        Assert.False(bus.TrySendToNode("n1", tooLarge));
        await bus.SendToNodesAsync([new("n1", Batch("2", 1024 * 1024 - 100))], Soon);

        Assert.Equal("2", await received.NextAsync()); // Nothing of the call that was refused.
    }

    [Fact]
    public async Task A_broker_that_takes_less_than_is_configured_is_believed()
    {
        await using var cluster = broker.NewCluster();
        cluster.Options.MaxMessageBytes = 512 * 1024 * 1024;
        var bus = cluster.Join().Live;
        var tooLarge = Batch("x", AboveEveryBroker);

        await Assert.ThrowsAsync<BusUnavailableException>(() => bus.SendToAllNodesAsync(tooLarge, Soon)); // The broker closed the channel.

        var refused = await Assert.ThrowsAsync<MessageTooLargeException>(() => bus.SendToAllNodesAsync(tooLarge, Soon));
        Assert.Contains("the broker takes", refused.Message, StringComparison.Ordinal);
        await bus.SendToAllNodesAsync(Batch("1", 10), Soon);
    }

    [Theory]
    [InlineData("PRECONDITION_FAILED - message size 134217729 larger than max size 134217728", 134217728)]
    [InlineData("PRECONDITION_FAILED - message size 20000000 is larger than configured max size 16777216", 16777216)]
    [InlineData("PRECONDITION_FAILED - unknown delivery tag 7", null)]
    public void The_limit_is_in_the_brokers_sentence(string sentence, int? bytes) => Assert.Equal(bytes, MessageLimit.BytesIn(sentence));

    [Fact]
    public async Task Within_one_process_what_waits_for_a_slow_receiver_is_bounded_in_bytes_and_the_oldest_is_dropped()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var received = new Recorder<string>();
        await using var inbox = new Inbox<NodeBatch>("n1", 4096, 1000, async batch =>
        {
            received.Add(batch.From);
            await gate.Task;
        }, _ => { }, NullLogger.Instance);
        inbox.Write(new NodeBatch { From = "under way" }, 10);
        Assert.Equal("under way", await received.NextAsync());

        foreach (var name in (string[])["1", "2", "3"])
        {
            inbox.Write(new NodeBatch { From = name }, 450);
        }

        Assert.True(inbox.IsHalfFull);
        gate.SetResult();
        Assert.Equal(["2", "3"], await received.NextAsync(2));
        inbox.Write(new NodeBatch { From = "larger than the inbox" }, 5000);
        Assert.Equal("larger than the inbox", await received.NextAsync());
        Assert.Equal(0, received.Waiting);
    }

    private static ValueTask Nothing() => ValueTask.CompletedTask;

    private static NodeBatch Batch(string from, int bytes) => new()
    {
        From = from,
        Rooms = { new RoomEvents { RoomId = "r", Epoch = new string('e', bytes) } },
    };
}
