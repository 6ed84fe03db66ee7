using System.Threading.Tasks.Sources;
using Tertulia.Connections.Protocol;

namespace Tertulia.Connections.Sockets;

/// <summary>The frames that wait for one client's socket, and the one loop that writes them: all that waits goes out in one write.</summary>
/// <remarks>
/// Any thread may enqueue and close; neither throws, waits for the socket, or allocates for a frame. An idle outbox holds no buffer.
/// Lock order: room map, room, outbox. Nothing is called back with the outbox's lock held.
/// </remarks>
/// <param name="transport">Where frames are written.</param>
/// <param name="abort">Cuts the transport, so that a write or read under way fails. May be called on any thread, more than once.</param>
/// <param name="options">Limits.</param>
/// <param name="time">Measures progress.</param>
/// <param name="compressed">The connection has negotiated <c>permessage-deflate</c>.</param>
internal sealed class Outbox(Stream transport, Action abort, SocketOptions options, TimeProvider time, bool compressed = false)
    : IThreadPoolWorkItem, IValueTaskSource
{
    private readonly Lock _lock = new();
    private FrameRing _frames;
    private ManualResetValueTaskSourceCore<bool> _wake; // Completed on the thread pool: the thread that enqueues never runs the writer.
    private bool _writerWaits;
    private int _writingBytes;
    private bool _behind;
    private State _state;
    private EncodedFrame? _closeFrame;
    private bool _sendsWaiting; // While closing: what waits is sent before the close frame.
    private long _since;        // Timestamp: start of the write under way; later of the closing; then of the wait for the client's answer.

    private enum State
    {
        Open,
        Closing,
        CloseWritten,
        Ended,
    }

    private enum Step
    {
        Write,
        WriteClose,
        Wait,
        End,
    }

    /// <summary>Called by the writer when less than half of the soft limit waits again after a durable frame was left out.</summary>
    public Action? Drained { get; set; }

    /// <summary>Bytes that the transport has not taken yet.</summary>
    public long WaitingBytes
    {
        get
        {
            lock (_lock)
            {
                return _frames.Bytes + _writingBytes;
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
    public SendOutcome TryEnqueue(EncodedFrame frame)
    {
        var bytes = compressed ? frame.Deflated : frame.Plain; // Before the lock: the first who asks for it has to compress.
        var outcome = SendOutcome.Enqueued;
        bool wake;
        lock (_lock)
        {
            if (_state != State.Open)
            {
                return SendOutcome.Closed;
            }

            var waiting = _frames.Bytes + _writingBytes;
            if (frame.Class != FrameClass.Control && waiting >= options.SoftLimitBytes)
            {
                _behind |= frame.Class == FrameClass.Durable;
                return frame.Class == FrameClass.Durable ? SendOutcome.Behind : SendOutcome.Dropped;
            }

            if (waiting + bytes.Length > options.HardLimitBytes)
            {
                BeginClose(CloseCode.SlowConsumer, "too far behind", sendsWaiting: false);
                outcome = SendOutcome.Closed;
            }
            else
            {
                _frames.Push(bytes);
            }

            wake = TakeWake();
        }

        Wake(wake);
        return outcome;
    }

    /// <summary>Sends what waits, then the close frame; then the client has a bounded time to answer before the transport is cut. A client that is too slow
    /// (4003) gets the close frame only. The first call counts.</summary>
    public void Close(CloseCode code, string reason) => Close(code, reason, sendsWaiting: code != CloseCode.SlowConsumer);

    /// <summary>The client has closed: it reads nothing more but the answer.</summary>
    public void Answer(CloseCode code) => Close(code, "", sendsWaiting: false);

    /// <summary>The transport is gone: the writer ends.</summary>
    public void End()
    {
        bool wake;
        lock (_lock)
        {
            _state = State.Ended;
            _frames.Clear();
            wake = TakeWake();
        }

        Wake(wake);
    }

    /// <summary>Closes a client that takes nothing, cuts a transport that does not end. Called every second or so.</summary>
    public void Sweep()
    {
        var (wake, cut) = (false, false);
        lock (_lock)
        {
            var elapsed = time.GetElapsedTime(_since);
            switch (_state)
            {
                case State.Open when _writingBytes > 0 && elapsed >= options.StallTimeout:
                    BeginClose(CloseCode.SlowConsumer, "no progress", sendsWaiting: false);
                    wake = TakeWake();
                    break;
                case State.Closing when elapsed >= (_sendsWaiting ? options.FlushTimeout : options.CloseTimeout):
                case State.CloseWritten when elapsed >= options.CloseTimeout:
                    cut = true;
                    break;
            }
        }

        Wake(wake);
        if (cut)
        {
            abort();
        }
    }

    /// <summary>Writes until the close frame is written or the transport fails; then nothing more is written.</summary>
    public async Task RunAsync()
    {
        using var batch = new WriteBatch();
        try
        {
            while (true)
            {
                switch (Next(batch, out var bytes))
                {
                    case Step.Wait:
                        batch.Release();
                        await new ValueTask(this, _wake.Version);
                        break;
                    case Step.Write:
                        await transport.WriteAsync(bytes, CancellationToken.None); // Ended by abort.
                        if (Written())
                        {
                            Drained?.Invoke();
                        }

                        break;
                    case Step.WriteClose:
                        await transport.WriteAsync(bytes, CancellationToken.None);
                        CloseWritten();
                        return;
                    default:
                        return;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The peer is gone or was cut; the reader sees the same and ends the session.
            End();
            abort();
        }
    }

    void IThreadPoolWorkItem.Execute() => _wake.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _wake.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wake.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wake.OnCompleted(continuation, state, token, flags);

    private void Close(CloseCode code, string reason, bool sendsWaiting)
    {
        bool wake;
        lock (_lock)
        {
            if (_state != State.Open)
            {
                return;
            }

            BeginClose(code, reason, sendsWaiting);
            wake = TakeWake();
        }

        Wake(wake);
    }

    private void BeginClose(CloseCode code, string reason, bool sendsWaiting)
    {
        (_state, _closeFrame, _sendsWaiting, _since) = (State.Closing, WebSocketFrames.Close(code, reason), sendsWaiting, time.GetTimestamp());
        if (!sendsWaiting)
        {
            _frames.Clear();
        }
    }

    private bool TakeWake()
    {
        var wake = _writerWaits;
        _writerWaits = false;
        return wake;
    }

    private void Wake(bool wake)
    {
        if (wake)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private Step Next(WriteBatch batch, out ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            bytes = default;
            if (_state is State.CloseWritten or State.Ended)
            {
                return Step.End;
            }

            if (_frames.Count > 0)
            {
                bytes = batch.Take(ref _frames);
                _writingBytes = bytes.Length;
                if (_state == State.Open)
                {
                    _since = time.GetTimestamp();
                }

                return Step.Write;
            }

            if (_state == State.Closing)
            {
                bytes = _closeFrame!.Plain;
                return Step.WriteClose;
            }

            _wake.Reset();
            _writerWaits = true;
            return Step.Wait;
        }
    }

    /// <returns>Whether <see cref="Drained"/> is due.</returns>
    private bool Written()
    {
        lock (_lock)
        {
            _writingBytes = 0;
            var drained = _behind && _state == State.Open && _frames.Bytes < options.SoftLimitBytes / 2;
            _behind &= !drained;
            return drained;
        }
    }

    private void CloseWritten()
    {
        lock (_lock)
        {
            if (_state == State.Closing)
            {
                (_state, _since) = (State.CloseWritten, time.GetTimestamp());
            }
        }
    }
}
