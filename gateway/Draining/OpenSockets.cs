namespace Tertulia.Gateway.Draining;

/// <summary>The WebSockets that go through this gateway.</summary>
internal sealed class OpenSockets(Telemetry telemetry)
{
    private readonly Lock _lock = new();
    private int _count;
    private long _opened;
    private TaskCompletionSource? _none;

    /// <summary>Open now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Opened since the start.</summary>
    public long Opened => Volatile.Read(ref _opened);

    /// <summary>Counts one until it is disposed.</summary>
    public IDisposable Open()
    {
        lock (_lock)
        {
            _count++;
            _opened++;
        }

        telemetry.SocketOpened();
        return new OpenSocket(this);
    }

    /// <summary>Completes when there is none.</summary>
    public Task NoneAsync()
    {
        lock (_lock)
        {
            if (_count == 0)
            {
                return Task.CompletedTask;
            }

            _none ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _none.Task;
        }
    }

    private void Close()
    {
        telemetry.SocketClosed();
        lock (_lock)
        {
            if (--_count == 0)
            {
                _none?.SetResult();
                _none = null;
            }
        }
    }

    private sealed class OpenSocket(OpenSockets sockets) : IDisposable
    {
        public void Dispose() => sockets.Close();
    }
}
