namespace Tertulia.Connections.Events;

/// <summary>The events that wait for one client: a bounded queue, and what becomes of a client that does not read it. Its wire may change.</summary>
/// <remarks>
/// <para>All that waits goes out in one write of the thread that flushes: an outbox has no writer of its own. Any thread may enqueue and close; neither throws,
/// waits for the wire, writes to it, or allocates for an event: the outbox is flushed at the end of the <see cref="DeliveryBatch"/>, or by the pool.</para>
/// <para>An idle outbox holds no buffer. Lock order: room map, room, outbox. Nothing is called back with the outbox's lock held.</para>
/// </remarks>
internal sealed partial class Outbox : IThreadPoolWorkItem
{
    private const int TightSoftLimitBytes = 16 * 1024; // While the process is short of memory.
    private const int PacedBytes = ServerEvent.MaxBytes; // With less waiting, an answer need not wait for the one before it.

    private readonly OutboxOptions _options;
    private readonly TimeProvider _time;
    private readonly OutboxBudget? _budget;
    private readonly Lock _lock = new();
    private EventRing _events;
    private int _eventBytes;
    private int _writingBytes;
    private int _reportedBytes; // What the budget knows of: 0 as long as the wire takes everything at once.
    private long _enqueuedBytes; // Ever: the end of the queue as a position in all that was sent.
    private long _largeEnd; // Position after the last event that was let in although it was an answer or alone above a limit.
    private int _largeBytes;
    private long _answerEnd; // Position after the last paced answer.
    private bool _answerIsDue; // The turn is taken.
    private Queue<TaskCompletionSource>? _turns;
    private TaskCompletionSource? _room;
    private State _state;
    private bool _behind;
    private bool _sendsWaiting; // While closing: what waits is sent before the close event.
    private long _since;        // Timestamp: start of the write under way; later of the closing; then of the wait for the client's answer.
    private CloseEvent? _close;
    private TaskCompletionSource? _ended; // Completed at the end; null while no caller waits for it.
    private Exception? _failure;

    /// <param name="format">How the client will read events, once there is a wire.</param>
    /// <param name="options">Limits.</param>
    /// <param name="time">Measures progress.</param>
    /// <param name="budget">Of the process; null: not counted.</param>
    public Outbox(IWireFormat format, OutboxOptions options, TimeProvider time, OutboxBudget? budget = null) =>
        (_format, _isSlow, _options, _time, _budget) = (format, true, options, time, budget);

    /// <param name="wire">Where events leave at first.</param>
    /// <param name="options">Limits.</param>
    /// <param name="time">Measures progress.</param>
    /// <param name="budget">Of the process; null: not counted.</param>
    public Outbox(IWire wire, OutboxOptions options, TimeProvider time, OutboxBudget? budget = null)
        : this(wire.Format, options, time, budget) => (_wire, _isSlow) = (wire, false);

    private enum State
    {
        Open,
        Closing,
        CloseWritten,
        Ended,
    }

    /// <summary>Called by the writer when less than half of the soft limit waits again after a durable event was left out.</summary>
    public Action? Drained { get; set; }

    /// <summary>Bytes that the wire has not taken yet.</summary>
    public long WaitingBytes
    {
        get
        {
            lock (_lock)
            {
                return Waiting;
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

    /// <summary>The client is not listened to until it has read: see <see cref="WhenRoomAsync"/>.</summary>
    public bool HoldsClientBack => Volatile.Read(ref _room) is not null;

    private int Waiting => _eventBytes + _writingBytes;

    // What was let in for a good reason must not push the client over its limits afterwards.
    private int LargeBytes => _enqueuedBytes - Waiting < _largeEnd ? _largeBytes : 0;

    private int SoftLimitBytes => _budget is { IsTight: true } ? Math.Min(TightSoftLimitBytes, _options.SoftLimitBytes) : _options.SoftLimitBytes;

    /// <summary>Queues an event for the client.</summary>
    public SendOutcome TryEnqueue(ServerEvent serverEvent) => TryEnqueue(serverEvent, isAnswer: false);

    /// <summary>Queues an answer, of whatever size, for whose turn the caller has waited (<see cref="TurnAsync"/>).</summary>
    public SendOutcome Answer(ServerEvent serverEvent) => TryEnqueue(serverEvent, isAnswer: true);

    /// <summary>Waits until the client has read so much that it can be given an answer it has asked for, of up to a frame and more: a client that reads slowly is
    /// not closed for what it asked itself. First come, first served; one at a time: dispose of the turn.</summary>
    public ValueTask<AnswerTurn> TurnAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (_lock)
        {
            if (IsTurnFree)
            {
                _answerIsDue = true;
                return ValueTask.FromResult(new AnswerTurn(this));
            }

            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (_turns ??= []).Enqueue(turn);
        }

        return WaitForTurnAsync(turn, cancellationToken);
    }

    /// <summary>Waits while as much waits for the client as may before events are left out: its commands can wait, too.</summary>
    public Task WhenRoomAsync()
    {
        lock (_lock)
        {
            if (_state != State.Open || Waiting < _options.SoftLimitBytes)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>Sends what waits, then the close event; then the client has a bounded time to answer before the wire is cut. A client that is too slow
    /// (4003) gets the close event only. The first call counts.</summary>
    public void Close(CloseCode code, string reason) => Close(code, reason, sendsWaiting: code != CloseCode.SlowConsumer);

    /// <summary>The client has closed: it gets what waits, such as the answers to what it sent before, and then its close frame.</summary>
    public void AnswerClose(CloseCode code) => Close(code, "", sendsWaiting: true);

    /// <summary>The client is gone for good: nothing more is written, once the write under way is over.</summary>
    public void End()
    {
        lock (_lock)
        {
            _state = State.Ended;
            Forget();
            CompleteEnded();
        }
    }

    /// <summary>Completes when the close event is written or the wire has failed: nothing will be written any more.</summary>
    /// <exception cref="Exception">What was thrown while writing, except for what wires throw when they are gone.</exception>
    public Task WhenEndedAsync()
    {
        lock (_lock)
        {
            _ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            CompleteEnded();
            return _ended.Task;
        }
    }

    /// <summary>Closes a client that takes nothing, cuts a wire that does not end. Called every second or so.</summary>
    public void Sweep()
    {
        var due = false;
        IWire? cut = null;
        lock (_lock)
        {
            var elapsed = _time.GetElapsedTime(_since);
            switch (_state)
            {
                case State.Open when _writingBytes > 0 && elapsed >= _options.StallTimeout:
                    due = BeginClose(CloseCode.SlowConsumer, "no progress", sendsWaiting: false);
                    break;
                case State.Closing when elapsed >= (_sendsWaiting ? _options.FlushTimeout : _options.CloseTimeout):
                case State.CloseWritten when elapsed >= _options.CloseTimeout:
                    cut = _wire;
                    break;
            }
        }

        Note(due);
        cut?.Abort();
    }

    /// <summary>Who had a turn has answered, or has given up.</summary>
    internal void EndTurn()
    {
        lock (_lock)
        {
            _answerIsDue = false;
            GiveTurn();
        }
    }

    private SendOutcome TryEnqueue(ServerEvent serverEvent, bool isAnswer)
    {
        var format = Volatile.Read(ref _format);
        var bytes = serverEvent.In(format).Length; // Before the lock: the first who asks for it encodes it.
        var outcome = SendOutcome.Enqueued;
        bool due;
        lock (_lock)
        {
            if (_state != State.Open)
            {
                return SendOutcome.Closed;
            }

            if (!ReferenceEquals(format, _format))
            {
                bytes = serverEvent.In(_format).Length; // The wire is another one meanwhile.
            }

            var (waiting, large) = (Waiting, LargeBytes);
            if (serverEvent.Class != DeliveryClass.Control && (waiting >= SoftLimitBytes + large || (waiting > 0 && waiting + bytes > _options.HardLimitBytes + large)))
            {
                _behind |= serverEvent.Class == DeliveryClass.Durable;
                return serverEvent.Class == DeliveryClass.Durable ? SendOutcome.Behind : SendOutcome.Dropped;
            }

            if (!isAnswer && waiting > 0 && waiting + bytes > _options.HardLimitBytes + large)
            {
                due = BeginClose(CloseCode.SlowConsumer, "too far behind", sendsWaiting: false);
                outcome = SendOutcome.Closed;
            }
            else
            {
                _events.Push(serverEvent);
                _eventBytes += bytes;
                _enqueuedBytes += bytes;
                if (isAnswer || bytes > _options.HardLimitBytes)
                {
                    (_largeEnd, _largeBytes) = (_enqueuedBytes, large + bytes);
                    _answerEnd = isAnswer ? _enqueuedBytes : _answerEnd;
                }

                ReportIfSlow();
                due = TakeDue();
            }
        }

        Note(due);
        return outcome;
    }

    private async ValueTask<AnswerTurn> WaitForTurnAsync(TaskCompletionSource turn, CancellationToken cancellationToken)
    {
        await using var cancelling = cancellationToken.UnsafeRegister(static (turn, token) => ((TaskCompletionSource)turn!).TrySetCanceled(token), turn);
        await turn.Task;
        return new AnswerTurn(this);
    }

    private bool IsTurnFree =>
        _state != State.Open || (!_answerIsDue && (Waiting <= PacedBytes || _enqueuedBytes - Waiting >= _answerEnd));

    private void GiveTurn()
    {
        while (_turns is { Count: > 0 } && IsTurnFree)
        {
            if (_turns.Dequeue().TrySetResult()) // Otherwise it was cancelled.
            {
                _answerIsDue = _state == State.Open;
            }
        }
    }

    // Under the lock: who waits goes on by the pool.
    private void TellRoom()
    {
        if (_room is not null && (_state != State.Open || Waiting < _options.SoftLimitBytes / 2))
        {
            var room = _room;
            Volatile.Write(ref _room, null);
            room.TrySetResult();
        }

        GiveTurn();
    }

    private void Close(CloseCode code, string reason, bool sendsWaiting)
    {
        bool due;
        lock (_lock)
        {
            due = _state == State.Open && BeginClose(code, reason, sendsWaiting);
        }

        Note(due);
    }

    /// <returns>Whether the caller has to note the outbox.</returns>
    private bool BeginClose(CloseCode code, string reason, bool sendsWaiting)
    {
        (_state, _close, _sendsWaiting, _since) = (State.Closing, new CloseEvent(code, reason), sendsWaiting, _time.GetTimestamp());
        if (_wire is null)
        {
            _state = State.Ended; // There is no wire for the close event.
            CompleteEnded();
        }

        if (!sendsWaiting || _wire is null)
        {
            Forget();
        }

        TellRoom();
        return TakeDue();
    }

    private void Forget()
    {
        _events.Clear();
        _eventBytes = 0;
        ReportIfSlow();
        TellRoom();
    }

    // Under the lock.
    private void ReportIfSlow()
    {
        if (_budget is null || (!_isSlow && _reportedBytes == 0))
        {
            return;
        }

        var bytes = _isSlow ? Waiting : 0;
        if (bytes != _reportedBytes)
        {
            _budget.Report(this, _reportedBytes, bytes);
            _reportedBytes = bytes;
        }
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

/// <summary>The right to give a client one answer. Dispose of it when the answer is queued, or will not be.</summary>
internal readonly struct AnswerTurn(Outbox outbox) : IDisposable
{
    public void Dispose() => outbox.EndTurn();
}
