using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Tertulia.Bus.InProcess;

/// <summary>What waits for one receiver, and the loop that calls it. When it is full the oldest is dropped, as in a receiver's queue at the broker.</summary>
internal sealed partial class Inbox<T> : IAsyncDisposable
{
    private readonly Func<T, ValueTask> _receive;
    private readonly Action<Inbox<T>> _closed;
    private readonly ILogger _logger;
    private readonly string _name;
    private readonly Channel<(T Item, int Bytes)> _waiting = Channel.CreateUnbounded<(T, int)>(); // Bounded by Write, in bytes as well.
    private readonly CancellationTokenSource _stopping = new();
    private readonly int _capacity;
    private readonly long _maxBytes;
    private readonly Task _run;
    private long _waitingBytes;
    private long _dropped;

    /// <param name="name">Of the receiver, for log lines.</param>
    /// <param name="capacity">Items that wait.</param>
    /// <param name="maxBytes">Bytes that wait.</param>
    /// <param name="receive">Called for one item at a time.</param>
    /// <param name="closed">Called when nothing may be written any more.</param>
    /// <param name="logger">Of the adapter.</param>
    public Inbox(string name, int capacity, long maxBytes, Func<T, ValueTask> receive, Action<Inbox<T>> closed, ILogger logger)
    {
        _name = name;
        _capacity = capacity;
        _maxBytes = maxBytes;
        _receive = receive;
        _closed = closed;
        _logger = logger;
        _run = Task.Run(RunAsync);
    }

    /// <summary>Whether what is not important should be dropped before it displaces what is.</summary>
    public bool IsHalfFull => _waiting.Reader.Count > _capacity / 2 || Interlocked.Read(ref _waitingBytes) > _maxBytes / 2;

    /// <param name="item">Not changed after it was handed over.</param>
    /// <param name="bytes">Its size. A single item above the limit is received nevertheless.</param>
    public void Write(T item, int bytes)
    {
        Interlocked.Add(ref _waitingBytes, bytes);
        if (!_waiting.Writer.TryWrite((item, bytes)))
        {
            return; // Closed: the receiver is gone.
        }

        while ((_waiting.Reader.Count > _capacity || Interlocked.Read(ref _waitingBytes) > _maxBytes)
            && _waiting.Reader.Count > 1 && _waiting.Reader.TryRead(out var oldest))
        {
            Interlocked.Add(ref _waitingBytes, -oldest.Bytes);
            OnDropped();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _closed(this);
        _waiting.Writer.TryComplete();
        await _stopping.CancelAsync();
        await _run;
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(_stopping.Token))
            {
                while (!_stopping.IsCancellationRequested && _waiting.Reader.TryRead(out var next))
                {
                    Interlocked.Add(ref _waitingBytes, -next.Bytes);
                    await HandleAsync(next.Item);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            LogLeft(_name);
        }
    }

    private async ValueTask HandleAsync(T item)
    {
        try
        {
            await _receive(item);
        }
        catch (Exception exception)
        {
            LogReceiverFailed(exception, _name);
        }
    }

    private void OnDropped()
    {
        var dropped = Interlocked.Increment(ref _dropped);
        if ((dropped & (dropped - 1)) == 0) // 1, 2, 4, 8, …: said at once, and not for every single one.
        {
            LogDropped(_name, dropped);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Receiver {Receiver} left")]
    private partial void LogLeft(string receiver);

    [LoggerMessage(Level = LogLevel.Error, Message = "Receiver {Receiver} threw; the message was dropped")]
    private partial void LogReceiverFailed(Exception exception, string receiver);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Receiver {Receiver} is too slow: {Dropped} batches dropped so far")]
    private partial void LogDropped(string receiver, long dropped);
}
