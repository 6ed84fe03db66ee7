using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>What cannot be published now is published later; what never can be is not tried for ever.</summary>
public sealed class PublisherTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private WatchedBus _bus = null!;
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(
            _backbone, settings: new() { ["Limits:ContentLength"] = "0" }, bus: bus => _bus = new WatchedBus(bus));
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("other", "ana"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_message_that_is_too_large_for_the_broker_is_dropped_and_the_others_go_on()
    {
        var tooLarge = new string('x', NodeBatches.MaxBytes);
        var tries = 0;
        _bus.Sending = batch =>
        {
            if (Has(batch, tooLarge))
            {
                tries++;
                throw new MessageTooLargeException("refused by the test");
            }
        };

        await _node.SubmitAsync(Commands.Send("lobby", "ana", tooLarge));
        await _node.SubmitAsync(Commands.Send("other", "ana", "beside it"));
        await _node.EventsAsync("other", 3, 3);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "after it"));

        await _node.EventsAsync("lobby", 4, 4);
        Assert.Equal(2, tries); // With the others, then alone.
        var log = await _replica.Store.ReadEventsAsync("lobby", 3, 4, new ReadLimit(9, int.MaxValue), CancellationToken.None);
        Assert.Equal([tooLarge, "after it"], log!.Events.Select(found => found.Message.Content));
    }

    [Fact]
    public async Task A_message_that_always_fails_is_given_up_and_the_partitions_are_taken_again()
    {
        _bus.Sending = batch =>
        {
            if (Has(batch, "fails"))
            {
                throw new InvalidOperationException("refused by the test");
            }
        };
        var send = Commands.Send("lobby", "ana", "fails");
        await _node.SubmitAsync(send);
        var epoch = _node.Owners.Max(owner => owner.OwnerEpoch);

        await _node.OwnersAsync(owners => owners.Any(owner => owner.OwnerEpoch > epoch));

        _bus.Sending = null;
        await _node.SubmitAsync(Commands.Send("other", "ana", "after it"));
        await _node.EventsAsync("other", 3, 3);
    }

    [Fact]
    public async Task While_the_broker_does_not_answer_nothing_is_given_up()
    {
        var failures = 0;
        var failedOften = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _bus.Sending = batch =>
        {
            if (batch.Rooms.Count > 0)
            {
                if (++failures > 7)
                {
                    failedOften.TrySetResult();
                }

                throw new BusUnavailableException("refused by the test");
            }
        };
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "waits"));
        await Eventually.CompletesAsync(failedOften.Task, "it is tried again and again");

        _bus.Sending = null;

        Assert.Equal("waits", Assert.Single(await _node.EventsAsync("lobby", 3, 3)).Message.Content);
    }

    private static bool Has(NodeBatch batch, string content) => batch.Rooms.Any(room => room.Events.Any(found => found.Message?.Content == content));
}
