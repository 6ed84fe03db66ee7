using System.Text;
using Tertulia.Connections.Protocol;
using Tertulia.Connections.Sockets;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Sockets;

public sealed class OutboxTests : IAsyncLifetime
{
    private readonly GatedStream _socket = new();
    private readonly ManualTime _time = new();
    private readonly SocketOptions _options = new();
    private readonly Outbox _outbox;
    private Task _writing = Task.CompletedTask;
    private int _aborts;

    public OutboxTests()
    {
        _outbox = new Outbox(_socket, Abort, _options, _time);
    }

    public Task InitializeAsync()
    {
        _writing = _outbox.RunAsync();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _outbox.End();
        _socket.Release();
        await Eventually.CompletesAsync(_writing, "the writer ends");
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
        EncodedFrame[] frames = [Frame(new string('a', 40_000)), Frame(new string('b', 40_000)), Frame(new string('c', 70_000)), Frame("d")];
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
        var large = Frame(new string('x', 60_000), FrameClass.Durable);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(large));
        }

        Assert.InRange(_outbox.WaitingBytes, _options.SoftLimitBytes, _options.HardLimitBytes);
        Assert.Equal(SendOutcome.Behind, _outbox.TryEnqueue(Frame("d", FrameClass.Durable)));
        Assert.Equal(SendOutcome.Dropped, _outbox.TryEnqueue(Frame("e", FrameClass.Ephemeral)));
        Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(Frame("c")));
        Assert.False(drained.Task.IsCompleted);

        _socket.Release();
        var waiting = await Eventually.CompletesAsync(drained.Task, "the outbox says that it is drained");

        Assert.InRange(waiting, 0, _options.SoftLimitBytes / 2);
        Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(Frame("d", FrameClass.Durable)));
    }

    [Fact]
    public async Task Drained_is_not_called_when_nothing_was_left_out()
    {
        var calls = 0;
        _outbox.Drained = () => calls++;

        _outbox.TryEnqueue(Frame("a", FrameClass.Durable));
        await _socket.StartedAsync();
        _outbox.Close(CloseCode.Normal, "");
        await Eventually.CompletesAsync(_writing, "the writer ends");

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
        await Eventually.CompletesAsync(_writing, "the writer ends");

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
        await Eventually.CompletesAsync(_writing, "the writer ends");
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
        await Eventually.CompletesAsync(_writing, "the writer ends");

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
        await Eventually.CompletesAsync(_writing, "the writer ends");
    }

    [Fact]
    public async Task The_clients_close_is_answered_before_anything_that_waits()
    {
        _socket.Hold();
        _outbox.TryEnqueue(Frame("a"));
        await _socket.StartedAsync();
        _outbox.TryEnqueue(Frame("b"));
        _outbox.Answer((CloseCode)1001);

        _socket.Release();
        await Eventually.CompletesAsync(_writing, "the writer ends");

        Assert.Equal(2, _socket.Writes.Count);
        AssertClose(1001, _socket.Writes[1]);
    }

    [Fact]
    public async Task A_transport_that_fails_ends_the_writer_without_an_exception()
    {
        _socket.Abort();
        _outbox.TryEnqueue(Frame("a"));

        await Eventually.CompletesAsync(_writing, "the writer ends");

        Assert.Equal(SendOutcome.Closed, _outbox.TryEnqueue(Frame("b")));
        Assert.NotEqual(0, _aborts);
    }

    [Fact]
    public async Task A_delivery_allocates_nothing()
    {
        const int Bursts = 500;
        const int BurstFrames = 6;
        var frame = Frame("{\"type\":\"message\"}", FrameClass.Durable);
        using var idle = new IdleSocket();
        var outbox = new Outbox(idle, Abort, _options, TimeProvider.System);
        var writing = outbox.RunAsync();
        Deliver(50);
        await idle.IdleAsync(outbox);

        var allocated = Deliver(Bursts);

        Assert.Equal(0, allocated);
        outbox.End();
        await Eventually.CompletesAsync(writing, "the writer ends");

        // Between the bursts the writer empties the outbox, so that each one wakes it again.
        long Deliver(int bursts)
        {
            var spin = new SpinWait();
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var burst = 0; burst < bursts; burst++)
            {
                for (var i = 0; i < BurstFrames; i++)
                {
                    outbox.TryEnqueue(frame);
                }

                while (outbox.WaitingBytes > 0)
                {
                    spin.SpinOnce();
                }
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
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
                while (_outbox.TryEnqueue(Frame($"{sender}:{i} ", FrameClass.Durable)) == SendOutcome.Behind)
                {
                    Thread.Yield();
                }
            }
        }));
        await Eventually.CompletesAsync(Task.WhenAll(senders), "all is sent");
        _outbox.Close(CloseCode.Normal, "");
        await Eventually.CompletesAsync(_writing, "the writer ends");

        var bytes = _socket.Writes.SkipLast(1).SelectMany(write => write).ToArray();
        var received = new List<string>();
        for (var at = 0; at < bytes.Length; at += 2 + bytes[at + 1])
        {
            received.Add(Encoding.UTF8.GetString(bytes, at + 2, bytes[at + 1]));
        }

        for (var sender = 0; sender < Senders; sender++)
        {
            Assert.Equal(
                Enumerable.Range(0, Frames).Select(i => $"{sender}:{i} "), received.Where(text => text.StartsWith($"{sender}:", StringComparison.Ordinal)));
        }
    }

    private static EncodedFrame Frame(string json, FrameClass frameClass = FrameClass.Control) => new(Encoding.UTF8.GetBytes(json), frameClass);

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

        public Task IdleAsync(Outbox outbox) => Eventually.HoldsAsync(() => outbox.WaitingBytes == 0, "the outbox is empty");
    }
}
