using System.Text;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Events;
using Tertulia.Connections.Tests.Support;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Events;

/// <summary>What several outboxes are given in one stretch of work.</summary>
public sealed class DeliveryBatchTests : IAsyncLifetime
{
    private readonly GatedStream _socket = new();
    private readonly FakeTimeProvider _time = new();
    private readonly OutboxOptions _options = new();
    private readonly Outbox _outbox;
    private Task _writing = Task.CompletedTask;
    private int _aborts;

    public DeliveryBatchTests()
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
    public async Task What_a_batch_holds_for_a_client_is_one_write_on_the_thread_that_ends_it()
    {
        var thread = 0;
        _socket.OnWrite = () => thread = Environment.CurrentManagedThreadId;
        int ended;
        using (DeliveryBatch.Begin())
        {
            _outbox.TryEnqueue(Frame("ack"));
            using (DeliveryBatch.Begin())
            {
                _outbox.TryEnqueue(Frame("event", DeliveryClass.Durable));
            }

            Assert.Empty(_socket.Writes);
            _outbox.TryEnqueue(Frame("count", DeliveryClass.Ephemeral));
            ended = Environment.CurrentManagedThreadId;
        }

        Assert.Equal(ended, thread);
        Assert.Equal(Frame("ack").Plain.ToArray().Concat(Frame("event").Plain.ToArray()).Concat(Frame("count").Plain.ToArray()), Assert.Single(_socket.Writes));

        using var isEnqueuing = new ThreadLocal<bool>();
        var wroteInside = true;
        _socket.OnWrite = () => wroteInside = isEnqueuing.Value;
        isEnqueuing.Value = true;
        _outbox.TryEnqueue(Frame("outside"));
        isEnqueuing.Value = false;
        await _socket.StartedAsync();
        await _socket.StartedAsync();
        Assert.False(wroteInside); // By the pool, maybe on this same thread later.
    }

    [Fact]
    public async Task A_client_that_takes_nothing_holds_up_nobody_in_its_batch()
    {
        _socket.Hold();
        var other = new GatedStream();
        var outbox = new Outbox(new StreamWire(other, Abort, RawEvent.Format), _options, _time);
        using (DeliveryBatch.Begin())
        {
            _outbox.TryEnqueue(Frame("1"));
            outbox.TryEnqueue(Frame("1"));
        }

        Assert.Single(_socket.Writes);
        Assert.Single(other.Writes);
        using (DeliveryBatch.Begin())
        {
            _outbox.TryEnqueue(Frame("2"));
            outbox.TryEnqueue(Frame("2"));
            _outbox.TryEnqueue(Frame("3"));
        }

        Assert.Single(_socket.Writes);
        Assert.Equal(2, other.Writes.Count);

        await _socket.StartedAsync();
        _socket.Release();
        await _socket.StartedAsync();
        Assert.Equal(Frame("2").Plain.ToArray().Concat(Frame("3").Plain.ToArray()), _socket.Writes[1]);
    }

    [Fact]
    public async Task A_transport_that_breaks_disturbs_nobody_in_its_batch()
    {
        _socket.OnWrite = () => throw new NotSupportedException("broken");
        var other = new GatedStream();
        var outbox = new Outbox(new StreamWire(other, Abort, RawEvent.Format), _options, _time);
        using (DeliveryBatch.Begin())
        {
            _outbox.TryEnqueue(Frame("1"));
            outbox.TryEnqueue(Frame("1"));
        }

        Assert.Single(other.Writes);
        Assert.NotEqual(0, _aborts);
        var thrown = await Assert.ThrowsAsync<NotSupportedException>(() => Eventually.CompletesAsync(_writing, "the outbox ends"));
        Assert.Equal("broken", thrown.Message);
        _writing = Task.CompletedTask;
    }

    [Fact]
    public async Task Batches_of_several_threads_write_every_clients_frames_once_and_in_order()
    {
        const int Threads = 4;
        const int Rounds = 300;
        var sockets = Enumerable.Range(0, 200).Select(_ => new GatedStream()).ToArray();
        var outboxes = sockets.Select(socket => new Outbox(new StreamWire(socket, Abort, RawEvent.Format), _options, TimeProvider.System)).ToArray();
        using var start = new Barrier(Threads);
        var senders = Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            start.SignalAndWait();
            for (var round = 0; round < Rounds; round++)
            {
                using var batch = DeliveryBatch.Begin();
                var frame = Frame($"{thread}:{round:000} ");
                foreach (var outbox in outboxes)
                {
                    Assert.Equal(SendOutcome.Enqueued, outbox.TryEnqueue(frame));
                }
            }
        })).ToArray();
        await Eventually.CompletesAsync(Task.WhenAll(senders), "all is sent");
        await Eventually.HoldsAsync(() => outboxes.All(outbox => outbox.WaitingBytes == 0), "all is written");

        foreach (var socket in sockets)
        {
            var received = Texts(socket.Writes);
            for (var thread = 0; thread < Threads; thread++)
            {
                Assert.Equal(
                    Enumerable.Range(0, Rounds).Select(round => $"{thread}:{round:000} "),
                    received.Where(text => text.StartsWith($"{thread}:", StringComparison.Ordinal)));
            }
        }
    }

    [Fact]
    public void Outboxes_that_share_a_way_hand_over_their_frames_and_let_it_go_once()
    {
        var way = new SharedWay();
        var outboxes = Enumerable.Range(0, 10).Select(client => new Outbox(new StreamWire(new SharedSocket(way, client), Abort, RawEvent.Format), _options, _time)).ToArray();
        var (own, everybodys) = (Frame("own"), Frame("everybodys"));
        using (DeliveryBatch.Begin())
        {
            outboxes[0].TryEnqueue(own);
            foreach (var outbox in outboxes)
            {
                outbox.TryEnqueue(everybodys);
            }
        }

        Assert.Equal(1, way.Flushes);
        Assert.Equal(Enumerable.Range(0, 10), way.Written.Select(write => write.Client));
        Assert.Equal([own.Plain, everybodys.Plain], way.Written[0].Pieces); // As memory: the same bytes, not equal ones.
        Assert.All(way.Written.Skip(1), write => Assert.Equal(everybodys.Plain, Assert.Single(write.Pieces)));
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

    private void Abort()
    {
        Interlocked.Increment(ref _aborts);
        _socket.Abort();
    }

    private sealed class SharedWay : ISharedWay
    {
        public List<(int Client, ReadOnlyMemory<byte>[] Pieces)> Written { get; } = [];

        public int Flushes { get; private set; }

        public void Flush() => Flushes++;
    }

    private sealed class SharedSocket(SharedWay way, int client) : MemoryStream, ISharedTransport
    {
        public ISharedWay Way => way;

        public ValueTask WriteAsync(ReadOnlyMemory<ReadOnlyMemory<byte>> pieces)
        {
            way.Written.Add((client, pieces.ToArray()));
            return ValueTask.CompletedTask;
        }
    }
}
