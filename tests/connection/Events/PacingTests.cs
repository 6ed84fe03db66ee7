using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Events;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Events;

/// <summary>What a client gets that reads slowly, and what all clients of a process together.</summary>
public sealed class PacingTests
{
    private readonly GatedStream _socket = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Answers_come_as_fast_as_the_client_reads_and_do_not_close_it()
    {
        var outbox = NewOutbox(_socket, new OutboxOptions());
        _socket.Hold();
        var answering = Enumerable.Range(0, 128).Select(async _ =>
        {
            using var turn = await outbox.TurnAsync(CancellationToken.None);
            return outbox.Answer(Bytes(60_000));
        }).ToArray();
        await _socket.StartedAsync();
        Assert.InRange(outbox.WaitingBytes, 60_000, 200_000);

        _socket.Release();

        Assert.All(await Eventually.CompletesAsync(Task.WhenAll(answering), "all answers are sent"), outcome => Assert.Equal(SendOutcome.Enqueued, outcome));
        await Eventually.HoldsAsync(() => outbox.WaitingBytes == 0, "all is written");
        Assert.Equal(128 * 60_004, _socket.Writes.Sum(write => write.Length));
    }

    [Fact]
    public async Task An_answer_above_every_limit_does_not_close_a_client_for_which_something_waits()
    {
        var options = new OutboxOptions();
        var outbox = NewOutbox(_socket, options);
        _socket.Hold();
        outbox.TryEnqueue(Bytes(100));
        using (await outbox.TurnAsync(CancellationToken.None))
        {
            Assert.Equal(SendOutcome.Enqueued, outbox.Answer(Bytes(2 * options.HardLimitBytes)));
        }

        _socket.Release();

        await Eventually.HoldsAsync(() => outbox.WaitingBytes == 0, "all is written");
        Assert.False(outbox.IsClosing);
    }

    [Fact]
    public async Task A_turn_that_is_given_up_goes_to_the_next()
    {
        var outbox = NewOutbox(_socket, new OutboxOptions());
        using var cancelling = new CancellationTokenSource();
        var first = await outbox.TurnAsync(CancellationToken.None);
        var second = outbox.TurnAsync(cancelling.Token).AsTask();
        var third = outbox.TurnAsync(CancellationToken.None).AsTask();

        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.False(third.IsCompleted);
        first.Dispose();

        (await Eventually.CompletesAsync(third, "the third has its turn")).Dispose();
    }

    [Fact]
    public async Task The_end_of_a_client_ends_the_waiting_for_its_answers()
    {
        var outbox = NewOutbox(_socket, new OutboxOptions());
        using var first = await outbox.TurnAsync(CancellationToken.None);
        var second = outbox.TurnAsync(CancellationToken.None).AsTask();

        outbox.End();

        (await Eventually.CompletesAsync(second, "the waiting ends")).Dispose();
        Assert.Equal(SendOutcome.Closed, outbox.Answer(Bytes(1)));
    }

    [Fact]
    public async Task An_event_above_the_limit_is_sent_when_nothing_else_waits_and_what_follows_it_as_well()
    {
        var options = new OutboxOptions();
        var outbox = NewOutbox(_socket, options);
        _socket.Hold();
        Assert.Equal(SendOutcome.Enqueued, outbox.TryEnqueue(Bytes(2 * options.HardLimitBytes, DeliveryClass.Durable)));
        Assert.Equal(SendOutcome.Enqueued, outbox.TryEnqueue(Bytes(100, DeliveryClass.Durable)));
        Assert.Equal(SendOutcome.Enqueued, outbox.TryEnqueue(Bytes(100)));
        Assert.Equal(SendOutcome.Behind, outbox.TryEnqueue(Bytes(2 * options.HardLimitBytes, DeliveryClass.Durable)));

        _socket.Release();

        await Eventually.HoldsAsync(() => outbox.WaitingBytes == 0, "all is written");
        Assert.False(outbox.IsClosing);
        Assert.Equal((2 * options.HardLimitBytes) + 10 + 102 + 102, _socket.Writes.Sum(write => write.Length));
    }

    [Fact]
    public async Task A_client_that_takes_a_large_event_slowly_makes_progress()
    {
        var options = new OutboxOptions();
        var outbox = NewOutbox(_socket, options);
        _socket.Hold();
        outbox.TryEnqueue(Bytes(1024 * 1024));
        for (var slice = 0; slice < 16; slice++)
        {
            await _socket.StartedAsync();
            _time.Advance(options.StallTimeout - TimeSpan.FromSeconds(1));
            outbox.Sweep();
            _socket.ReleaseOne();
        }

        Assert.False(outbox.IsClosing);
        _socket.Release();
        await Eventually.HoldsAsync(() => outbox.WaitingBytes == 0, "all is written");
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_not_listened_to_until_it_has()
    {
        var outbox = NewOutbox(_socket, new OutboxOptions());
        _socket.Hold();
        for (var sent = 0; sent < 6; sent++)
        {
            outbox.TryEnqueue(Bytes(60_000));
        }

        var room = outbox.WhenRoomAsync();
        Assert.False(room.IsCompleted);
        Assert.True(outbox.HoldsClientBack);
        await _socket.StartedAsync();
        _socket.Release();

        await Eventually.CompletesAsync(room, "the client is listened to");
        Assert.False(outbox.HoldsClientBack);
    }

    [Fact]
    public async Task Above_the_budget_of_the_process_the_largest_outboxes_are_closed_first()
    {
        var options = new OutboxOptions { BudgetBytes = 1024 * 1024 };
        var budget = new OutboxBudget(Options.Create(options));
        var sockets = Enumerable.Range(0, 9).Select(_ => new GatedStream()).ToArray();
        var outboxes = sockets.Select(socket => NewOutbox(socket, options, budget)).ToArray();
        for (var index = 0; index < outboxes.Length; index++)
        {
            sockets[index].Hold();
            outboxes[index].TryEnqueue(Bytes(10));
            await sockets[index].StartedAsync();
            await Eventually.HoldsAsync(() => budget.Used > index * 25_000 * (index + 1) / 2, "what waits is counted");
            for (var sent = 0; sent <= index && index < 8; sent++)
            {
                outboxes[index].TryEnqueue(Bytes(25_000)); // 25, 50, … 200 kB: 900 kB together.
            }
        }

        Assert.DoesNotContain(outboxes, outbox => outbox.IsClosing);
        outboxes[8].TryEnqueue(Bytes(160_000));

        await Eventually.HoldsAsync(() => !budget.IsTight, "the budget is kept");
        Assert.Equal([6, 7], Enumerable.Range(0, 9).Where(index => outboxes[index].IsClosing));

        foreach (var socket in sockets)
        {
            socket.Release();
        }

        await Eventually.HoldsAsync(() => budget.Used == 0, "nothing waits");
    }

    [Fact]
    public async Task No_more_outboxes_are_closed_than_needed_although_wires_give_their_bytes_back_late()
    {
        var options = new OutboxOptions { BudgetBytes = 1024 * 1024 };
        var budget = new OutboxBudget(Options.Create(options));
        var sockets = Enumerable.Range(0, 8).Select(_ => new GatedStream()).ToArray();
        var outboxes = sockets.Select(socket => NewOutbox(socket, options, budget)).ToArray();
        for (var index = 0; index < outboxes.Length; index++)
        {
            sockets[index].Hold();
            outboxes[index].TryEnqueue(Bytes(150_000)); // All of it is being written, and stays with the wire.
            await sockets[index].StartedAsync();
        }

        await Eventually.HoldsAsync(() => budget.Used > 1_200_000, "what is being written is counted");
        ((IThreadPoolWorkItem)budget).Execute();
        ((IThreadPoolWorkItem)budget).Execute();

        Assert.Equal(3, outboxes.Count(outbox => outbox.IsClosing)); // 450 of 1,200 kB: three quarters of the budget are left.
        foreach (var socket in sockets)
        {
            socket.Release();
        }

        await Eventually.HoldsAsync(() => budget.Used == 0, "nothing waits");
    }

    [Fact]
    public async Task Near_the_budget_a_slow_client_is_moved_to_catch_up_early_and_a_fast_one_is_not()
    {
        var options = new OutboxOptions { BudgetBytes = 1024 * 1024 };
        var budget = new OutboxBudget(Options.Create(options));
        var slow = NewOutbox(_socket, options, budget);
        var fast = NewOutbox(new GatedStream(), options, budget);
        _socket.Hold();
        slow.TryEnqueue(Bytes(10));
        await _socket.StartedAsync();
        slow.TryEnqueue(Bytes(20_000, DeliveryClass.Durable));
        Assert.Equal(SendOutcome.Enqueued, slow.TryEnqueue(Bytes(10, DeliveryClass.Durable)));

        budget.Report(new Outbox(RawEvent.Format, options, _time), 0, 900_000);

        Assert.Equal(SendOutcome.Behind, slow.TryEnqueue(Bytes(10, DeliveryClass.Durable)));
        Assert.Equal(SendOutcome.Enqueued, fast.TryEnqueue(Bytes(10, DeliveryClass.Durable)));
        _socket.Release();
    }

    [Theory]
    [InlineData(1000, 1000, 0)]
    [InlineData(1000, 2000, 1999)]
    public void Limits_that_contradict_each_other_are_refused(int soft, int hard, long budget)
    {
        var options = new OutboxOptions { SoftLimitBytes = soft, HardLimitBytes = hard, BudgetBytes = budget };

        Assert.True(new OutboxOptionsRules().Validate(null, options).Failed);
        Assert.True(new OutboxOptionsRules().Validate(null, new OutboxOptions()).Succeeded);
    }

    private static RawEvent Bytes(int count, DeliveryClass deliveryClass = DeliveryClass.Control) => new(new string('x', count), deliveryClass);

    private Outbox NewOutbox(GatedStream socket, OutboxOptions options, OutboxBudget? budget = null) =>
        new(new StreamWire(socket, socket.Abort, RawEvent.Format), options, _time, budget);
}
