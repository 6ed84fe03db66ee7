using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Tertulia.Bus;
using Tertulia.Bus.RabbitMq;
using Tertulia.Contracts;

namespace Tertulia.Conformance.Bus;

/// <summary>Which confirmation of the broker belongs to which call.</summary>
public sealed class ConfirmWindowTests
{
    private readonly ConfirmWindow _window = new(capacity: 8, maxBytes: 1000);

    [Fact]
    public async Task A_confirmation_of_several_completes_all_calls_up_to_it()
    {
        var calls = Add(1, 1, 1);

        await AckAsync(2, multiple: true);

        Assert.Equal([true, true, false], calls.Select(call => call.Confirmed.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task Confirmations_may_come_in_any_order()
    {
        var calls = Add(1, 2, 1);

        await AckAsync(4);
        await AckAsync(3);
        await AckAsync(1);
        Assert.Equal([true, false, true], calls.Select(call => call.Confirmed.IsCompletedSuccessfully));
        await AckAsync(2);

        Assert.True(calls[1].Confirmed.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_confirmation_that_came_before_is_ignored()
    {
        var calls = Add(2);

        await AckAsync(1);
        await AckAsync(1);
        await AckAsync(99, multiple: true);

        Assert.False(calls[0].Confirmed.IsCompleted);
    }

    [Fact]
    public async Task A_refused_message_fails_its_call_when_all_of_it_is_answered()
    {
        var calls = Add(2, 1);

        await _window.OnNackAsync(this, new BasicNackEventArgs(1, false, false));
        Assert.False(calls[0].Confirmed.IsCompleted);
        await AckAsync(3, multiple: true);

        await Assert.ThrowsAsync<QueueFullException>(() => calls[0].Confirmed);
        await calls[1].Confirmed;
    }

    [Fact]
    public async Task A_returned_message_is_named_by_its_own_call_only()
    {
        var calls = Add(1, 1);

        await _window.OnReturnAsync(this, new BasicReturnEventArgs(
            312, "NO_ROUTE", "nodes", "gone", new BasicProperties { MessageId = "2" }, ReadOnlyMemory<byte>.Empty));
        await AckAsync(2, multiple: true);

        Assert.Empty(calls[0].Returned);
        Assert.Equal(["gone"], calls[1].Returned);
    }

    [Fact]
    public async Task A_full_window_has_room_when_its_oldest_is_confirmed()
    {
        Add(8);
        var late = NewCall(1);
        Assert.Equal(0UL, _window.TryAdd(late, 1));
        var room = _window.WaitForRoomAsync(CancellationToken.None);

        await AckAsync(2); // Not the oldest: the ring cannot go on.
        Assert.False(room.IsCompleted);
        await AckAsync(1);

        await room.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(9UL, _window.TryAdd(late, 1));
        Assert.Equal(10UL, _window.TryAdd(late, 1));
        Assert.Equal(0UL, _window.TryAdd(late, 1));
    }

    [Fact]
    public async Task A_window_is_full_with_few_messages_when_they_are_large()
    {
        var call = NewCall(4);
        Assert.Equal([1UL, 2UL, 0UL], [_window.TryAdd(call, 600), _window.TryAdd(call, 600), _window.TryAdd(call, 1)]);
        var room = _window.WaitForRoomAsync(CancellationToken.None);

        await AckAsync(2); // In any order: bytes are free at once.

        await room.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal([3UL, 0UL], [_window.TryAdd(call, 5000), _window.TryAdd(call, 1)]);
        await AckAsync(3, multiple: true);
        Assert.Equal(4UL, _window.TryAdd(call, 5000)); // One that is larger than the window goes alone.
    }

    [Fact]
    public async Task A_call_that_failed_holds_no_messages_while_it_waits_for_its_turn()
    {
        var call = NewCall(3);

        call.Fail("nobody waits any more");

        Assert.Empty(call.Messages);
        await Assert.ThrowsAsync<BusUnavailableException>(() => call.Confirmed);
    }

    [Fact]
    public async Task When_the_channel_is_lost_every_call_under_way_fails_and_so_does_one_that_comes_late()
    {
        var calls = Add(1, 1);
        await AckAsync(1);

        _window.Close("gone");
        var late = NewCall(1);
        _window.TryAdd(late, 1);

        await calls[0].Confirmed;
        Assert.Equal("gone", (await Assert.ThrowsAsync<BusUnavailableException>(() => calls[1].Confirmed)).Message);
        await Assert.ThrowsAsync<BusUnavailableException>(() => late.Confirmed);
    }

    private static Publication NewCall(int messages) =>
        new(new Destination("test"), [.. Enumerable.Repeat(new OutgoingMessage("", "", Mandatory: true, new NodeBatch()), messages)]);

    private Publication[] Add(params int[] messagesPerCall)
    {
        Publication[] calls = [.. messagesPerCall.Select(NewCall)];
        foreach (var call in calls)
        {
            foreach (var _ in call.Messages)
            {
                Assert.NotEqual(0UL, _window.TryAdd(call, 1));
            }
        }

        return calls;
    }

    private Task AckAsync(ulong tag, bool multiple = false) => _window.OnAckAsync(this, new BasicAckEventArgs(tag, multiple));
}
