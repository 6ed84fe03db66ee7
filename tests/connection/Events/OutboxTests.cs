using System.Text;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Events;

public sealed class OutboxTests : IAsyncLifetime
{
    private readonly GatedStream _socket = new();
    private readonly FakeTimeProvider _time = new();
    private readonly OutboxOptions _options = new();
    private readonly Outbox _outbox;
    private Task _writing = Task.CompletedTask;
    private int _aborts;

    public OutboxTests()
    {
        _outbox = new Outbox(new StreamWire(_socket, Abort, RawEvent.Format), _options, _time);
    }

    public Task InitializeAsync()
    {
        _writing = _outbox.WhenEndedAsync();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _outbox.End();
        _socket.Release();
        await Eventually.CompletesAsync(_writing, "the outbox ends");
    }

    [Fact]
    public async Task All_that_waits_goes_out_in_one_write_and_in_order()
    {
        _socket.Hold();
        Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(Frame("0")));
        await _socket.StartedAsync();
        var waiting = Enumerable.Range(1, 100).Select(i => Frame($"{i}")).ToArray();
        foreach (var frame in waiting)
        {
            Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(frame));
        }

        _socket.Release();
        await _socket.StartedAsync();

        Assert.Equal(2, _socket.Writes.Count);
        Assert.Equal(waiting.SelectMany(frame => frame.Plain.ToArray()), _socket.Writes[1]);
    }

    [Fact]
    public async Task A_write_has_at_most_64_KiB_unless_one_frame_is_larger()
    {
        _socket.Hold();
        _outbox.TryEnqueue(Frame("0"));
        await _socket.StartedAsync();
        RawEvent[] frames = [Frame(new string('a', 40_000)), Frame(new string('b', 40_000)), Frame(new string('c', 70_000)), Frame("d")];
        Assert.All(frames, frame => Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(frame)));

        _socket.Release();
        for (var write = 0; write < 4; write++)
        {
            await _socket.StartedAsync();
        }

        Assert.Equal(frames.Select(frame => frame.Plain.ToArray()), _socket.Writes.Skip(1));
    }

    [Fact]
    public async Task Above_the_soft_limit_room_events_are_left_out_and_what_is_ephemeral_dropped_until_half_is_gone()
    {
        var drained = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        _outbox.Drained = () => drained.TrySetResult(_outbox.WaitingBytes);
        _socket.Hold();
        var large = Frame(new string('x', 60_000), DeliveryClass.Durable);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(large));
        }

        Assert.InRange(_outbox.WaitingBytes, _options.SoftLimitBytes, _options.HardLimitBytes);
        Assert.Equal(SendOutcome.Behind, _outbox.TryEnqueue(Frame("d", DeliveryClass.Durable)));
        Assert.Equal(SendOutcome.Dropped, _outbox.TryEnqueue(Frame("e", DeliveryClass.Ephemeral)));
        Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(Frame("c")));
        Assert.False(drained.Task.IsCompleted);

        _socket.Release();
        var waiting = await Eventually.CompletesAsync(drained.Task, "the outbox says that it is drained");

        Assert.InRange(waiting, 0, _options.SoftLimitBytes / 2);
        Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(Frame("d", DeliveryClass.Durable)));
    }

    [Fact]
    public async Task Drained_is_not_called_when_nothing_was_left_out()
    {
        var calls = 0;
        _outbox.Drained = () => calls++;

        _outbox.TryEnqueue(Frame("a", DeliveryClass.Durable));
        await _socket.StartedAsync();
        _outbox.Close(CloseCode.Normal, "");
        await Eventually.CompletesAsync(_writing, "the outbox ends");

        Assert.Equal(0, calls);
    }

    [Fact]
    public async Task Above_the_hard_limit_the_client_is_closed_and_its_frames_are_dropped()
    {
        _socket.Hold();
        var large = Frame(new string('x', 60_000));
        _outbox.TryEnqueue(large);
        await _socket.StartedAsync();
        var outcomes = Enumerable.Range(0, 20).Select(_ => _outbox.TryEnqueue(large)).ToArray();

        Assert.Equal(16, outcomes.Count(outcome => outcome == SendOutcome.Enqueued));
        Assert.Equal(SendOutcome.Closed, outcomes[^1]);
        Assert.InRange(_outbox.WaitingBytes, 0, large.Plain.Length);

        _socket.Release();
        await Eventually.CompletesAsync(_writing, "the outbox ends");

        Assert.Equal(2, _socket.Writes.Count);
        AssertClose(4003, _socket.Writes[1]);
    }

    [Fact]
    public async Task A_client_that_takes_nothing_for_30_seconds_is_closed_and_then_cut()
    {
        _socket.Hold();
        _outbox.TryEnqueue(Frame("0"));
        await _socket.StartedAsync();

        Pass(TimeSpan.FromSeconds(29));
        Assert.False(_outbox.IsClosing);

        Pass(TimeSpan.FromSeconds(1));
        Assert.True(_outbox.IsClosing);
        Assert.Equal(0, _aborts);

        Pass(_options.CloseTimeout);
        Assert.NotEqual(0, _aborts);
        await Eventually.CompletesAsync(_writing, "the outbox ends");
        Assert.Single(_socket.Writes);
    }

    [Fact]
    public async Task A_slow_client_that_goes_on_reading_is_not_closed()
    {
        for (var i = 0; i < 5; i++)
        {
            _socket.Hold();
            _outbox.TryEnqueue(Frame($"{i}"));
            await _socket.StartedAsync();
            Pass(TimeSpan.FromSeconds(25));
            _socket.Release();
            await Eventually.HoldsAsync(() => _outbox.WaitingBytes == 0, "the write ends");
        }

        Pass(TimeSpan.FromHours(1));
        Assert.False(_outbox.IsClosing);
    }

    [Fact]
    public async Task Closing_sends_what_waits_then_the_close_frame_and_cuts_a_client_that_does_not_answer()
    {
        _socket.Hold();
        _outbox.TryEnqueue(Frame("a"));
        await _socket.StartedAsync();
        _outbox.TryEnqueue(Frame("b"));
        _outbox.Close(CloseCode.Draining, "drain");
        _outbox.Close(CloseCode.Kicked, "only the first counts");
        Assert.Equal(SendOutcome.Closed, _outbox.TryEnqueue(Frame("c")));

        _socket.Release();
        await Eventually.CompletesAsync(_writing, "the outbox ends");

        Assert.Equal(3, _socket.Writes.Count);
        Assert.Equal(Frame("b").Plain.ToArray(), _socket.Writes[1]);
        AssertClose(4001, _socket.Writes[2]);
        Pass(_options.CloseTimeout - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, _aborts);
        Pass(TimeSpan.FromMilliseconds(1));
        Assert.NotEqual(0, _aborts);
    }

    [Fact]
    public async Task A_close_that_the_client_does_not_let_through_ends_in_time()
    {
        _socket.Hold();
        _outbox.TryEnqueue(Frame("a"));
        await _socket.StartedAsync();
        _outbox.Close(CloseCode.Draining, "drain");

        Pass(_options.FlushTimeout - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, _aborts);
        Pass(TimeSpan.FromMilliseconds(1));

        Assert.NotEqual(0, _aborts);
        await Eventually.CompletesAsync(_writing, "the outbox ends");
    }

    [Fact]
    public async Task A_client_that_closes_gets_what_waits_and_then_its_close_frame()
    {
        _socket.Hold();
        _outbox.TryEnqueue(Frame("a"));
        await _socket.StartedAsync();
        _outbox.TryEnqueue(Frame("b"));
        _outbox.AnswerClose((CloseCode)1001);

        _socket.Release();
        await Eventually.CompletesAsync(_writing, "the outbox ends");

        Assert.Equal(3, _socket.Writes.Count);
        Assert.Equal(Frame("b").Plain.ToArray(), _socket.Writes[1]);
        AssertClose(1001, _socket.Writes[2]);
    }

    [Fact]
    public async Task A_transport_that_fails_ends_the_outbox_without_an_exception()
    {
        _socket.Abort();
        _outbox.TryEnqueue(Frame("a"));

        await Eventually.CompletesAsync(_writing, "the outbox ends");

        Assert.Equal(SendOutcome.Closed, _outbox.TryEnqueue(Frame("b")));
        Assert.NotEqual(0, _aborts);
    }

    [Fact]
    public void A_delivery_allocates_nothing()
    {
        const int Messages = 500;
        var (event1, event2) = (Frame("{\"type\":\"message\"}", DeliveryClass.Durable), Frame("{\"type\":\"message_sent\"}"));
        var outboxes = Enumerable.Range(0, 50).Select(_ => new Outbox(new StreamWire(new IdleSocket(), Abort, RawEvent.Format), _options, TimeProvider.System)).ToArray();
        Deliver(50);

        // The lowest of three: a collection in between empties the pool of buffers.
        var allocated = Enumerable.Range(0, 3).Min(_ => Deliver(Messages));

        Assert.Equal(0, allocated); // Neither for a recipient nor for a message: enqueue, cork and write together.

        long Deliver(int messages)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var message = 0; message < messages; message++)
            {
                using var batch = DeliveryBatch.Begin();
                foreach (var outbox in outboxes)
                {
                    outbox.TryEnqueue(event1);
                    outbox.TryEnqueue(event2);
                }
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task A_room_that_is_flushed_by_several_threads_allocates_nothing_for_a_recipient()
    {
        const int Members = 1000;
        const int Messages = 100;
        var frame = Frame("{\"type\":\"message\"}", DeliveryClass.Durable);
        var outboxes = Enumerable.Range(0, Members).Select(_ => new Outbox(new StreamWire(new IdleSocket(), Abort, RawEvent.Format), _options, TimeProvider.System)).ToArray();
        await DeliverAsync(50);

        var allocated = await DeliverAsync(Messages);

        Assert.InRange(allocated, 0, Messages * Members / 4); // Of the pool's queue, at most: a quarter of a byte for each.

        async Task<long> DeliverAsync(int messages)
        {
            var allocated = 0L;
            for (var message = 0; message < messages; message++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                using (DeliveryBatch.Begin())
                {
                    foreach (var outbox in outboxes)
                    {
                        outbox.TryEnqueue(frame);
                    }
                }

                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
                await Eventually.HoldsAsync(() => outboxes.All(outbox => outbox.WaitingBytes == 0), "all is written");
            }

            return allocated;
        }
    }

    [Fact]
    public async Task Many_senders_and_one_closer_lose_and_repeat_nothing()
    {
        const int Senders = 4;
        const int Frames = 2000;
        var senders = Enumerable.Range(0, Senders).Select(sender => Task.Run(() =>
        {
            for (var i = 0; i < Frames; i++)
            {
                while (_outbox.TryEnqueue(Frame($"{sender}:{i} ", DeliveryClass.Durable)) == SendOutcome.Behind)
                {
                    Thread.Yield();
                }
            }
        }));
        await Eventually.CompletesAsync(Task.WhenAll(senders), "all is sent");
        _outbox.Close(CloseCode.Normal, "");
        await Eventually.CompletesAsync(_writing, "the outbox ends");

        var received = Texts(_socket.Writes.SkipLast(1));
        for (var sender = 0; sender < Senders; sender++)
        {
            Assert.Equal(
                Enumerable.Range(0, Frames).Select(i => $"{sender}:{i} "), received.Where(text => text.StartsWith($"{sender}:", StringComparison.Ordinal)));
        }
    }

    private static RawEvent Frame(string json, DeliveryClass deliveryClass = DeliveryClass.Control) => new(json, deliveryClass);

    private static List<string> Texts(IEnumerable<byte[]> writes)
    {
        var bytes = writes.SelectMany(write => write).ToArray();
        var texts = new List<string>();
        for (var at = 0; at < bytes.Length; at += 2 + bytes[at + 1])
        {
            texts.Add(Encoding.UTF8.GetString(bytes, at + 2, bytes[at + 1]));
        }

        return texts;
    }

    private static void AssertClose(int code, byte[] frame)
    {
        Assert.Equal(0x88, frame[0]);
        Assert.Equal(code, (frame[2] << 8) | frame[3]);
    }

    private void Pass(TimeSpan time)
    {
        _time.Advance(time);
        _outbox.Sweep();
    }

    private void Abort()
    {
        Interlocked.Increment(ref _aborts);
        _socket.Abort();
    }

    /// <summary>A socket that takes everything at once.</summary>
    private sealed class IdleSocket : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
