using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Net;
using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Hosting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Native;

public sealed class DirectOutputTests : IAsyncLifetime
{
    private const int SmallBuffer = 8 * 1024; // The system's least is about this.

    private readonly Pipe _server = new(); // What would reach the socket through the server.
    private Socket _socket = null!;
    private Socket _client = null!;
    private DirectOutput _output = null!;

    public async Task InitializeAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = SmallBuffer };
        await _client.ConnectAsync(listener.LocalEndpoint);
        _socket = await listener.AcceptSocketAsync();
        (_socket.NoDelay, _socket.SendBufferSize) = (true, SmallBuffer);
        _output = new DirectOutput(_socket, new Ways(_server));
    }

    public Task DisposeAsync()
    {
        _client.Dispose();
        _socket.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task What_is_written_is_at_the_client_when_the_write_has_returned()
    {
        WriteAtOnce("ab");
        "cd"u8.CopyTo(_output.GetSpan(2));
        _output.Advance(2);
        Assert.Equal(2, _output.UnflushedBytes);
        WriteAtOnce("ef");
        Assert.Equal(0, _output.UnflushedBytes);

        Assert.Equal("abcdef", await ReadAsync(6));
        Assert.False(_server.Reader.TryRead(out _));
    }

    [Fact]
    public async Task A_full_socket_takes_the_rest_later_and_every_byte_once_and_in_order()
    {
        const int Bytes = 4 * 1024 * 1024;
        var random = new Random(7);
        var sent = new byte[Bytes];
        random.NextBytes(sent);
        var reading = Task.Run(async () =>
        {
            var received = new byte[Bytes];
            for (var count = 0; count < Bytes;)
            {
                count += await _client.ReceiveAsync(received.AsMemory(count, Math.Min(64 * 1024, Bytes - count)));
            }

            return received;
        });
        var (atOnce, later) = (0, 0);

        for (var count = 0; count < Bytes;)
        {
            var piece = sent.AsMemory(count, Math.Min(random.Next(1, 40_000), Bytes - count));
            count += piece.Length;
            if (random.Next(2) == 0)
            {
                piece.CopyTo(_output.GetMemory(piece.Length));
                _output.Advance(piece.Length);
                await CountAsync(_output.FlushAsync());
            }
            else
            {
                await CountAsync(_output.WriteAsync(piece));
            }
        }

        Assert.Equal(sent, await Eventually.CompletesAsync(reading, "everything is read"));
        Assert.InRange(atOnce, 1, int.MaxValue);
        Assert.InRange(later, 1, int.MaxValue);

        async Task CountAsync(ValueTask<FlushResult> writing)
        {
            _ = writing.IsCompleted ? atOnce++ : later++;
            Assert.Equal(default, await writing);
        }
    }

    [Fact]
    public async Task While_a_write_is_under_way_there_is_no_other()
    {
        var writing = await FillAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => _output.WriteAsync(new byte[1]).AsTask());
        Assert.Throws<InvalidOperationException>(() => _output.GetMemory());

        await ReadAllAsync(writing);
        WriteAtOnce("!");
        Assert.Equal("!", await ReadAsync(1));
    }

    [Fact]
    public async Task A_write_that_is_cancelled_says_so_when_it_is_over()
    {
        var writing = await FillAsync();

        _output.CancelPendingFlush();
        await ReadAllAsync(writing);

        Assert.True((await writing).IsCanceled);
        Assert.False((await _output.FlushAsync()).IsCanceled);
    }

    [Fact]
    public async Task A_socket_that_is_gone_completes_the_write_under_way_and_all_that_follow()
    {
        var writing = await FillAsync();

        _client.LingerState = new LingerOption(true, 0);
        _client.Dispose(); // A reset.

        Assert.True((await Eventually.CompletesAsync(writing, "the write ends")).IsCompleted);
        Assert.True((await _output.WriteAsync(new byte[1])).IsCompleted);
    }

    [Fact]
    public async Task A_socket_that_the_server_has_cut_completes_the_write_under_way_and_all_that_follow()
    {
        var writing = await FillAsync();

        _socket.Dispose();

        Assert.True((await Eventually.CompletesAsync(writing, "the write ends")).IsCompleted);
        Assert.True((await _output.WriteAsync(new byte[1])).IsCompleted);
    }

    [Fact]
    public async Task A_reset_that_a_direct_write_meets_first_completes_it()
    {
        _client.LingerState = new LingerOption(true, 0);
        _client.Dispose();

        await Eventually.EqualsAsync(true, async () => (await _output.WriteAsync(new byte[1])).IsCompleted);
    }

    [Fact]
    public async Task What_was_not_flushed_at_the_end_is_sent_by_the_server()
    {
        _output.Write("ab"u8);

        _output.Complete();

        var read = await _server.Reader.ReadAsync();
        Assert.True(read.IsCompleted);
        Assert.Equal("ab", Encoding.ASCII.GetString(read.Buffer));
    }

    [Fact]
    public void A_delivery_to_a_socket_allocates_nothing()
    {
        const int Messages = 1000;
        var frame = new RawEvent("{\"type\":\"message\"}", DeliveryClass.Durable);
        var outbox = new Outbox(new StreamWire(new DuplexPipeStream(_output), () => { }, RawEvent.Format), new OutboxOptions(), TimeProvider.System);
        var received = new byte[256];
        Deliver(50);

        // The lowest of three: a collection in between empties the pool of buffers.
        Assert.Equal(0, Enumerable.Range(0, 3).Min(_ => Deliver(Messages)));

        long Deliver(int messages)
        {
            var allocated = 0L;
            for (var message = 0; message < messages; message++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                using (DeliveryBatch.Begin())
                {
                    outbox.TryEnqueue(frame);
                    outbox.TryEnqueue(frame);
                }

                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.Equal(2 * frame.Plain.Length, _client.Receive(received)); // One write.
            }

            return allocated;
        }
    }

    /// <summary>Writes until the socket is full.</summary>
    /// <returns>The write under way.</returns>
    private async Task<Task<FlushResult>> FillAsync()
    {
        var bytes = new byte[64 * 1024];
        while (true)
        {
            var writing = _output.WriteAsync(bytes);
            if (!writing.IsCompleted)
            {
                return writing.AsTask();
            }

            await writing;
        }
    }

    private void WriteAtOnce(string text)
    {
        Assert.True(_output.WriteAsync(Encoding.ASCII.GetBytes(text)).AsTask() is { IsCompletedSuccessfully: true, Result: { IsCompleted: false, IsCanceled: false } });
    }

    private async Task<string> ReadAsync(int count)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var bytes = new byte[count];
        for (var read = 0; read < count;)
        {
            read += await _client.ReceiveAsync(bytes.AsMemory(read), deadline.Token);
        }

        return Encoding.ASCII.GetString(bytes);
    }

    private async Task ReadAllAsync(Task writing)
    {
        var bytes = new byte[64 * 1024];
        while (!writing.IsCompleted || _client.Available > 0)
        {
            if (_client.Available > 0)
            {
                await _client.ReceiveAsync(bytes);
            }
            else
            {
                await Task.Yield();
            }
        }
    }

    private sealed class Ways(Pipe pipe) : IDuplexPipe
    {
        public PipeReader Input => PipeReader.Create(Stream.Null);

        public PipeWriter Output => pipe.Writer;
    }
}
