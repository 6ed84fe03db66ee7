namespace Tertulia.Gateway.Draining;

/// <summary>The WebSockets that go through this gateway.</summary>
internal sealed class OpenSockets(Telemetry telemetry)
{
    private readonly Lock _lock = new();
    private readonly HashSet<OpenSocket> _open = [];
    private long _opened;
    private TaskCompletionSource? _none;

    /// <summary>Open now.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _open.Count;
            }
        }
    }

    /// <summary>Opened since the start.</summary>
    public long Opened => Volatile.Read(ref _opened);

    /// <summary>Counts one until it is disposed.</summary>
    /// <param name="cut">Ends it without a farewell. Not called any more when it was disposed.</param>
    public IDisposable Open(Action cut)
    {
        var socket = new OpenSocket(this, cut);
        lock (_lock)
        {
            _open.Add(socket);
            _opened++;
        }

        telemetry.SocketOpened();
        return socket;
    }

    /// <summary>Ends all that are open.</summary>
    public void CutAll()
    {
        OpenSocket[] open;
        lock (_lock)
        {
            open = [.. _open];
        }

        foreach (var socket in open)
        {
            socket.Cut();
        }
    }

    /// <summary>Completes when there is none.</summary>
    public Task NoneAsync()
    {
        lock (_lock)
        {
            if (_open.Count == 0)
            {
                return Task.CompletedTask;
            }

            _none ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _none.Task;
        }
    }

    private void Close(OpenSocket socket)
    {
        telemetry.SocketClosed();
        lock (_lock)
        {
            _open.Remove(socket);
            if (_open.Count == 0)
            {
                _none?.SetResult();
                _none = null;
            }
        }
    }

    private sealed class OpenSocket(OpenSockets sockets, Action cut) : IDisposable
    {
        private readonly Lock _lock = new();
        private bool _closed;

        public void Cut()
        {
            lock (_lock)
            {
                if (!_closed) // Else its request is over, and the server may use the request's object for another one.
                {
                    cut();
                }
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                _closed = true;
            }

            sockets.Close(this);
        }
    }
}
