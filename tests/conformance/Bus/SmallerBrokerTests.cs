using Tertulia.Bus;
using Tertulia.Bus.RabbitMq;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>A broker whose own <c>max_message_size</c> is below what we are told: it says so only by closing the channel.</summary>
public sealed class SmallerBrokerTests : IAsyncLifetime
{
    private const int Taken = 100_000;
    private readonly string _directory = Directory.CreateTempSubdirectory("tertulia-broker-").FullName;
    private PrivateRabbitMq _broker = null!;

    private static CancellationToken Soon => new CancellationTokenSource(Eventually.Deadline).Token;

    public async Task InitializeAsync() => _broker = await PrivateRabbitMq.StartAsync(
        _directory, Path.Combine(_directory, "start.log"), CancellationToken.None, $"max_message_size = {Taken}");

    public async Task DisposeAsync()
    {
        await _broker.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task What_waits_or_comes_later_is_refused_without_another_lost_channel_and_what_is_small_enough_gets_through()
    {
        await using var cluster = new RabbitMqCluster(_broker.Uri);
        var received = new Recorder<string>();
        await using var reception = await cluster.Join().Live.ReceiveAsNodeAsync(
            "n1", batch => received.AddAsync(batch.From), () => ValueTask.CompletedTask, Soon);
        var (bus, queue) = cluster.Join();

        var first = Enumerable.Range(0, 20).Select(_ => Record.ExceptionAsync(() => bus.SendToAllNodesAsync(Batch("large", Taken), Soon))).ToArray();
        var failures = await Task.WhenAll(first);

        Assert.All(failures, failure => Assert.True(failure is BusUnavailableException or MessageTooLargeException, $"{failure}"));
        await Assert.ThrowsAsync<MessageTooLargeException>(() => bus.SendToAllNodesAsync(Batch("large", Taken), Soon));
        await Assert.ThrowsAsync<MessageTooLargeException>(() => queue.PublishAsync("m1", new SubmitBatch { NodeId = new string('n', Taken) }, Soon));
        Assert.False(bus.TrySendToNode("n1", Batch("large", Taken)));
        await bus.SendToAllNodesAsync(Batch("small", Taken - 100), Soon);
        Assert.Equal("small", await received.NextAsync());
    }

    private static NodeBatch Batch(string from, int bytes) => new()
    {
        From = from,
        Rooms = { new RoomEvents { RoomId = "r", Epoch = new string('e', bytes) } },
    };
}
