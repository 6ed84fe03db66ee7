using System.Threading.Tasks.Sources;
using Tertulia.Link;

namespace Tertulia.Connections.Events;

/// <summary>The frames that wait for one client's socket. All that waits goes out in one write, by whoever flushes: an outbox has no writer of its own.</summary>
/// <remarks>
/// <para>Any thread may enqueue and close; neither throws, waits for the socket, writes to it, or allocates for a frame: the outbox is flushed at the end of
/// the <see cref="DeliveryBatch"/>, or by the pool. The flush writes on its thread as long as the transport takes everything at once. When it does not,
/// the write's completion goes on with what has gathered meanwhile.</para>
/// <para>An idle outbox holds no buffer. Lock order: room map, room, outbox. Nothing is called back with the outbox's lock held.</para>
/// </remarks>
/// <param name="transport">Where frames are written; may be an <see cref="ISharedTransport"/>.</param>
/// <param name="abort">Cuts the transport, so that a write or read under way fails. May be called on any thread, more than once.</param>
/// <param name="options">Limits.</param>
/// <param name="time">Measures progress.</param>
/// <param name="format">How the client reads events.</param>
internal sealed class Outbox(Stream transport, Action abort, OutboxOptions options, TimeProvider time, IWireFormat format) : IThreadPoolWorkItem
{
    private const int MaxWritesAtOnce = 4; // By one flush, then the pool goes on: a client that gets much must not hold the thread that others wait for.

    private readonly Lock _lock = new();
    private EventRing _events;
    private int _eventBytes;
    private int _writingBytes;
    private Writer _writer;
    private State _state;
    private bool _behind;
    private bool _writesClose;
    private bool _sendsWaiting; // While closing: what waits is sent before the close frame.
    private long _since;        // Timestamp: start of the write under way; later of the closing; then of the wait for the client's answer.
    private CloseEvent? _close;
    private TaskCompletionSource? _ended; // Somebody waits for the end.
    private Exception? _failure;

    private enum State
    {
        Open,
        Closing,
        CloseWritten,
        Ended,
    }

    /// <summary>At most one at a time writes, or is about to.</summary>
    private enum Writer
    {
        None,

        /// <summary>Noted by a cork, or in the pool's queue: <see cref="Flush"/> will be called.</summary>
        Due,

        /// <summary>Looks again for what waits after its write.</summary>
        Writing,
    }

    private enum Step
    {
        Write,
        Drained,
        Done,
    }

    /// <summary>The way that the transport shares with others; null when it is a socket of its own.</summary>
    public ISharedWay? Way => (transport as ISharedTransport)?.Way;

    /// <summary>Called by the writer when less than half of the soft limit waits again after a durable frame was left out.</summary>
    public Action? Drained { get; set; }

    /// <summary>Bytes that the transport has not taken yet.</summary>
    public long WaitingBytes
    {
        get
        {
            lock (_lock)
            {
                return _eventBytes + _writingBytes;
            }
        }
    }

    /// <summary>A close has begun or is done: nothing more is taken.</summary>
    public bool IsClosing
    {
        get
        {
            lock (_lock)
            {
                return _state != State.Open;
            }
        }
    }

    /// <summary>Queues a frame for the client.</summary>
    public SendOutcome TryEnqueue(ServerEvent serverEvent)
    {
        var bytes = serverEvent.In(format).Length; // Before the lock: the first who asks for it encodes it.
        var outcome = SendOutcome.Enqueued;
        bool due;
        lock (_lock)
        {
            if (_state != State.Open)
            {
                return SendOutcome.Closed;
            }

            var waiting = _eventBytes + _writingBytes;
            if (serverEvent.Class != DeliveryClass.Control && waiting >= options.SoftLimitBytes)
            {
                _behind |= serverEvent.Class == DeliveryClass.Durable;
                return serverEvent.Class == DeliveryClass.Durable ? SendOutcome.Behind : SendOutcome.Dropped;
            }

            if (waiting + bytes > options.HardLimitBytes)
            {
                BeginClose(CloseCode.SlowConsumer, "too far behind", sendsWaiting: false);
                outcome = SendOutcome.Closed;
            }
            else
            {
                _events.Push(serverEvent);
                _eventBytes += bytes;
            }

            due = TakeDue();
        }

        Note(due);
        return outcome;
    }

    /// <summary>Sends what waits, then the close frame; then the client has a bounded time to answer before the transport is cut. A client that is too slow
    /// (4003) gets the close frame only. The first call counts.</summary>
    public void Close(CloseCode code, string reason) => Close(code, reason, sendsWaiting: code != CloseCode.SlowConsumer);

    /// <summary>The client has closed: it gets what waits, such as the answers to what it sent before, and then its close frame.</summary>
    public void Answer(CloseCode code) => Close(code, "", sendsWaiting: true);

    /// <summary>The transport is gone: nothing more is written, once the write under way is over.</summary>
    public void End()
    {
        lock (_lock)
        {
            _state = State.Ended;
            Forget();
            CompleteEnded();
        }
    }

    /// <summary>Completes when the close frame is written or the transport has failed: nothing will be written any more.</summary>
    /// <exception cref="Exception">What was thrown while writing, except for what transports throw when they are gone.</exception>
    public Task WhenEndedAsync()
    {
        lock (_lock)
        {
            _ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            CompleteEnded();
            return _ended.Task;
        }
    }

    /// <summary>Closes a client that takes nothing, cuts a transport that does not end. Called every second or so.</summary>
    public void Sweep()
    {
        var (due, cut) = (false, false);
        lock (_lock)
        {
            var elapsed = time.GetElapsedTime(_since);
            switch (_state)
            {
                case State.Open when _writingBytes > 0 && elapsed >= options.StallTimeout:
                    BeginClose(CloseCode.SlowConsumer, "no progress", sendsWaiting: false);
                    due = TakeDue();
                    break;
                case State.Closing when elapsed >= (_sendsWaiting ? options.FlushTimeout : options.CloseTimeout):
                case State.CloseWritten when elapsed >= options.CloseTimeout:
                    cut = true;
                    break;
            }
        }

        Note(due);
        if (cut)
        {
            abort();
        }
    }

    /// <summary>Writes what waits. Called once by whoever the outbox was noted with, holding no lock; never throws, never waits.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            _writer = Writer.Writing;
        }

        var batch = WriteBatch.Rent();
        try
        {
            if (TryWrite(batch, out var writing))
            {
                batch.Return();
            }
            else
            {
                _ = GoOnAsync(writing, batch); // WhenEndedAsync waits for it.
            }
        }
        catch (Exception exception)
        {
            Fail(exception, batch);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        Flush();
        Way?.Flush();
    }

    private void Close(CloseCode code, string reason, bool sendsWaiting)
    {
        bool due;
        lock (_lock)
        {
            if (_state != State.Open)
            {
                return;
            }

            BeginClose(code, reason, sendsWaiting);
            due = TakeDue();
        }

        Note(due);
    }

    private void BeginClose(CloseCode code, string reason, bool sendsWaiting)
    {
        (_state, _close, _sendsWaiting, _since) = (State.Closing, new CloseEvent(code, reason), sendsWaiting, time.GetTimestamp());
        if (!sendsWaiting)
        {
            Forget();
        }
    }

    private void Forget()
    {
        _events.Clear();
        _eventBytes = 0;
    }

    /// <returns>Whether the caller has to note the outbox. Otherwise somebody else has, or writes and will look again.</returns>
    private bool TakeDue()
    {
        if (_writer != Writer.None)
        {
            return false;
        }

        _writer = Writer.Due;
        return true;
    }

    private void Note(bool due)
    {
        if (due)
        {
            DeliveryBatch.Note(this);
        }
    }

    /// <summary>Writes until nothing waits.</summary>
    /// <returns>False when the transport does not take more at once: the write is under way.</returns>
    private bool TryWrite(WriteBatch batch, out ValueTask writing)
    {
        for (var writes = 0; ; writes++)
        {
            if (writes == MaxWritesAtOnce)
            {
                PassOn();
                break;
            }

            var step = Next(batch);
            if (step == Step.Drained)
            {
                Drained?.Invoke();
                step = Next(batch);
            }

            if (step == Step.Done)
            {
                break;
            }

            writing = transport is ISharedTransport shared ? shared.WriteAsync(batch.Pieces) : transport.WriteAsync(batch.ToBytes(), CancellationToken.None); // Ended by abort.
            if (!writing.IsCompletedSuccessfully)
            {
                return false;
            }

            writing.GetAwaiter().GetResult(); // Gives back what the transport may have rented for it.
        }

        writing = default;
        return true;
    }

    private async Task GoOnAsync(ValueTask writing, WriteBatch batch)
    {
        try
        {
            bool done;
            do
            {
                await writing;
                done = TryWrite(batch, out writing);
                Way?.Flush();
            }
            while (!done);

            batch.Return();
        }
        catch (Exception exception)
        {
            Fail(exception, batch);
        }
    }

    /// <summary>The write before is over, if there was one: what comes now?</summary>
    private Step Next(WriteBatch batch)
    {
        lock (_lock)
        {
            _writingBytes = 0;
            if (_writesClose)
            {
                _writesClose = false;
                if (_state == State.Closing)
                {
                    (_state, _since) = (State.CloseWritten, time.GetTimestamp());
                }
            }

            if (_behind && _state == State.Open && _eventBytes < options.SoftLimitBytes / 2)
            {
                _behind = false;
                return Step.Drained;
            }

            if (_state is State.Open or State.Closing && _events.Count > 0)
            {
                batch.Take(ref _events, format);
                _eventBytes -= batch.Length;
                _writingBytes = batch.Length;
                if (_state == State.Open)
                {
                    _since = time.GetTimestamp();
                }

                return Step.Write;
            }

            if (_state == State.Closing)
            {
                batch.Take(_close!, format);
                _writesClose = true;
                return Step.Write;
            }

            _writer = Writer.None;
            CompleteEnded();
            return Step.Done;
        }
    }

    private void PassOn()
    {
        lock (_lock)
        {
            _writingBytes = 0; // Of the write before; what comes now is still in the ring.
            _writer = Writer.Due;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Fail(Exception exception, WriteBatch batch)
    {
        batch.Return();
        lock (_lock)
        {
            _writer = Writer.None;
            _state = State.Ended;
            Forget();
            if (exception is not (IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException))
            {
                _failure = exception;
            }

            CompleteEnded();
        }

        abort(); // The peer is gone or was cut; the reader sees the same and ends the session.
    }

    // Under the lock: who waits goes on by the pool.
    private void CompleteEnded()
    {
        if (_ended is null || _writer != Writer.None || _state is State.Open or State.Closing)
        {
            return;
        }

        if (_failure is null)
        {
            _ended.TrySetResult();
        }
        else
        {
            _ended.TrySetException(_failure);
        }
    }
}
