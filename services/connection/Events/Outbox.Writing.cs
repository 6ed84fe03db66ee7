using Tertulia.Link;

namespace Tertulia.Connections.Events;

/// <content>From the queue to the wire. The flush writes on its thread as long as the wire takes everything at once. When it does not, the write's completion
/// goes on with what has gathered meanwhile.</content>
internal sealed partial class Outbox
{
    private const int MaxWritesAtOnce = 4; // By one flush, then the pool goes on: a client that gets much must not hold the thread that others wait for.

    private const int SliceAboveBytes = 256 * 1024; // A larger event is written in slices, so that it can be seen that a slow client reads.

    private IWire? _wire;
    private IWireFormat _format; // Of the wire; without one, of the last one.
    private Writer _writer;
    private bool _writesClose;
    private bool _isSlow; // The wire did not take a write at once, or there is none.
    private ServerEvent? _large; // Is being written in slices.
    private int _largeOffset;
    private TaskCompletionSource? _detached; // Completed when the wire is taken away; null while it stays.

    /// <summary>At most one at a time writes, or is about to.</summary>
    private enum Writer
    {
        None,

        /// <summary>Noted by a delivery batch, or in the pool's queue: <see cref="Flush"/> will be called.</summary>
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

    /// <summary>The wire shares its way with others.</summary>
    public bool SharesWay => _wire?.Way is not null;

    private int LargeRest => _large is null ? 0 : _large.In(_format).Length - _largeOffset;

    /// <summary>What waits, and all that follows, leaves on this wire. There must be none.</summary>
    public void Attach(IWire wire)
    {
        bool due;
        lock (_lock)
        {
            if (_wire is not null)
            {
                throw new InvalidOperationException("The outbox has a wire");
            }

            (_wire, _isSlow) = (wire, false);
            if (!ReferenceEquals(_format, wire.Format))
            {
                _format = wire.Format;
                var bytes = _events.BytesIn(wire.Format);
                var more = bytes - _eventBytes;
                (_eventBytes, _enqueuedBytes, _largeEnd, _answerEnd) = (bytes, _enqueuedBytes + more, _largeEnd + more, _answerEnd + more);
            }

            ReportIfSlow();
            due = _events.Count > 0 && TakeDue();
        }

        Note(due);
    }

    /// <summary>Takes the wire away; what waits stays until there is another one. Completes when nothing is written to it any more. What a write that fails meanwhile
    /// held is sent again: on the next wire it comes once more or for the first time.</summary>
    public Task DetachAsync()
    {
        lock (_lock)
        {
            if (_wire is null || _writer != Writer.Writing)
            {
                Detach();
                return Task.CompletedTask;
            }

            _detached ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _detached.Task;
        }
    }

    /// <summary>Writes what waits. Called once, by the delivery batch or by the thread pool, with no lock held. Never throws, never waits.</summary>
    /// <returns>What the caller has to flush.</returns>
    public ISharedWay? Flush()
    {
        IWire? wire;
        lock (_lock)
        {
            wire = _wire;
            _writer = wire is null ? Writer.None : Writer.Writing;
            if (wire is null)
            {
                CompleteEnded(); // Taken away meanwhile.
                return null;
            }
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
                _ = GoOnAsync(wire, writing, batch); // WhenEndedAsync waits for it.
            }
        }
        catch (Exception exception)
        {
            Fail(exception, batch);
        }

        return wire.Way;
    }

    void IThreadPoolWorkItem.Execute() => Flush()?.Flush();

    /// <returns>Whether the caller has to note the outbox. Otherwise it is noted already, or a writer will look again.</returns>
    private bool TakeDue()
    {
        if (_writer != Writer.None || _wire is null)
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
    /// <returns>False when the wire does not take more at once: the write is under way.</returns>
    private bool TryWrite(WriteBatch batch, out ValueTask writing)
    {
        for (var writes = 0; ; writes++)
        {
            if (writes >= MaxWritesAtOnce && PassOn())
            {
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

            writing = _wire!.WriteAsync(batch); // It stays as long as there is a writer.
            if (!writing.IsCompletedSuccessfully)
            {
                return false;
            }

            writing.GetAwaiter().GetResult(); // Gives back what the wire may have rented for it.
        }

        writing = default;
        return true;
    }

    private async Task GoOnAsync(IWire wire, ValueTask writing, WriteBatch batch)
    {
        try
        {
            bool done;
            do
            {
                lock (_lock)
                {
                    _isSlow = true;
                    ReportIfSlow();
                }

                await writing;
                done = TryWrite(batch, out writing);
                wire.Way?.Flush();
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
            _writingBytes = LargeRest;
            if (_large is not null && LargeRest == 0)
            {
                _large = null;
            }

            if (_writesClose)
            {
                _writesClose = false;
                if (_state == State.Closing)
                {
                    (_state, _since) = (State.CloseWritten, _time.GetTimestamp());
                }
            }

            if (_wire is null || _detached is not null)
            {
                return Stop();
            }

            if (_behind && _state == State.Open && _eventBytes < _options.SoftLimitBytes / 2)
            {
                _behind = false;
                return Step.Drained;
            }

            if (_large is null && _state is State.Open or State.Closing && _events.Count > 0 && _events.First.In(_wire.Format).Length > SliceAboveBytes)
            {
                (_large, _largeOffset) = (_events.Pop(), 0);
                _eventBytes -= LargeRest;
            }

            if (_large is not null)
            {
                // To its end, whatever happens: what follows half of it could not be understood.
                _writingBytes = LargeRest;
                _largeOffset += batch.TakeSlice(_large, _wire.Format, _largeOffset);
                _since = _state == State.Open ? _time.GetTimestamp() : _since;
                ReportIfSlow();
                TellRoom();
                return Step.Write;
            }

            if (_state is State.Open or State.Closing && _events.Count > 0)
            {
                batch.Take(ref _events, _wire.Format);
                _eventBytes -= batch.Length;
                _writingBytes = batch.Length;
                if (_state == State.Open)
                {
                    _since = _time.GetTimestamp();
                }

                ReportIfSlow();
                TellRoom();
                return Step.Write;
            }

            if (_state == State.Closing)
            {
                batch.Take(_close!, _wire.Format);
                _writesClose = true;
                return Step.Write;
            }

            return Stop();
        }
    }

    private Step Stop()
    {
        _writer = Writer.None;
        if (_detached is not null)
        {
            Detach();
        }
        else
        {
            _isSlow = _wire is null;
        }

        ReportIfSlow();
        TellRoom();
        CompleteEnded();
        return Step.Done;
    }

    /// <returns>False when nothing waits: there is nothing to pass on.</returns>
    private bool PassOn()
    {
        lock (_lock)
        {
            if ((_events.Count == 0 && LargeRest == 0) || _detached is not null || _writesClose)
            {
                return false;
            }

            _writingBytes = LargeRest; // The write before is over.
            _writer = Writer.Due;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    // Under the lock.
    private void Detach()
    {
        if (_large is not null)
        {
            _events.PushFront(_large); // The next wire gets all of it.
            _large = null;
        }

        _eventBytes = _events.BytesIn(_format);
        _writingBytes = 0;
        _wire = null;
        _isSlow = true;
        ReportIfSlow();
        if (_state is State.Closing or State.CloseWritten)
        {
            _state = State.Ended; // There is no wire for the close event.
            Forget();
            CompleteEnded();
        }

        var detached = _detached;
        _detached = null;
        detached?.TrySetResult();
    }

    private void Fail(Exception exception, WriteBatch batch)
    {
        IWire? wire;
        lock (_lock)
        {
            wire = _wire;
            _writer = Writer.None;
            if (_detached is not null && _state == State.Open)
            {
                batch.GiveBack(ref _events);
                Detach();
            }
            else
            {
                _state = State.Ended;
                (_writingBytes, _large) = (0, null);
                Forget();
                if (exception is not (IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException))
                {
                    _failure = exception;
                }

                CompleteEnded();
            }
        }

        batch.Return();
        wire?.Abort(); // The peer is gone or was cut; the reader sees the same and ends the session.
    }
}
