using System.Threading.Tasks.Sources;

namespace Tertulia.Connections.Submitting;

/// <summary>Wakes the one loop that waits for it: on the thread that signals, or on one of the pool. Signals before it waits are one.</summary>
internal sealed class WakeUp : IValueTaskSource
{
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _source;
    private bool _isSignalled;
    private bool _isAwaited;

    /// <summary>Completes with the next signal, at once when there was one since the last wait. One caller at a time.</summary>
    public ValueTask WaitAsync()
    {
        lock (_gate)
        {
            if (_isSignalled)
            {
                _isSignalled = false;
                return ValueTask.CompletedTask;
            }

            _source.Reset();
            _isAwaited = true;
            return new ValueTask(this, _source.Version);
        }
    }

    /// <param name="onThisThread">The loop goes on before this returns. For callers that hold no lock.</param>
    public void Signal(bool onThisThread)
    {
        lock (_gate)
        {
            if (!_isAwaited)
            {
                _isSignalled = true;
                return;
            }

            _isAwaited = false;
        }

        _source.RunContinuationsAsynchronously = !onThisThread;
        _source.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
