using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Events;

/// <summary>A transport whose writes a test lets through one by one.</summary>
internal sealed class GatedStream : Stream
{
    private readonly Lock _lock = new();
    private readonly List<byte[]> _writes = [];
    private readonly SemaphoreSlim _started = new(0);
    private TaskCompletionSource? _gate;
    private bool _aborted;

    /// <summary>Called by every write, on its thread.</summary>
    public Action? OnWrite { get; set; }

    /// <summary>Every write so far, also the one that waits.</summary>
    public IReadOnlyList<byte[]> Writes
    {
        get
        {
            lock (_lock)
            {
                return [.. _writes];
            }
        }
    }

    /// <summary>From now on writes wait.</summary>
    public void Hold()
    {
        lock (_lock)
        {
            _gate ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Lets the write that waits through, and all later ones.</summary>
    public void Release()
    {
        TaskCompletionSource? gate;
        lock (_lock)
        {
            (gate, _gate) = (_gate, null);
        }

        gate?.TrySetResult();
    }

    /// <summary>Lets the write that waits through, and no later one.</summary>
    public void ReleaseOne()
    {
        TaskCompletionSource? gate;
        lock (_lock)
        {
            (gate, _gate) = (_gate, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        gate?.TrySetResult();
    }

    /// <summary>As a cut connection: the write that waits fails, and all later ones.</summary>
    public void Abort()
    {
        TaskCompletionSource? gate;
        lock (_lock)
        {
            (gate, _gate, _aborted) = (_gate, null, true);
        }

        gate?.TrySetException(new IOException("aborted"));
    }

    /// <summary>The next write has started.</summary>
    public Task StartedAsync() => Eventually.CompletesAsync(_started.WaitAsync(), "a write starts");

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        OnWrite?.Invoke();
        Task gate;
        lock (_lock)
        {
            if (_aborted)
            {
                throw new IOException("aborted");
            }

            _writes.Add(buffer.ToArray());
            gate = _gate?.Task ?? Task.CompletedTask;
        }

        _started.Release();
        await gate;
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
