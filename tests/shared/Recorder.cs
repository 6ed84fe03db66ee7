using System.Threading.Channels;

namespace Tertulia.Testing;

/// <summary>Takes down what a receiver is called with, and lets a test await it.</summary>
public sealed class Recorder<T>
{
    private readonly Channel<T> _items = Channel.CreateUnbounded<T>();

    /// <summary>What came and has not been read.</summary>
    public int Waiting => _items.Reader.Count;

    /// <summary>The receiver.</summary>
    public void Add(T item) => _items.Writer.TryWrite(item);

    /// <summary>The receiver, in the form of the bus.</summary>
    public ValueTask AddAsync(T item)
    {
        Add(item);
        return ValueTask.CompletedTask;
    }

    /// <summary>The next one.</summary>
    /// <exception cref="TimeoutException">It did not come in time.</exception>
    public async Task<T> NextAsync(TimeSpan? within = null) => (await NextAsync(1, within))[0];

    /// <summary>The next ones, in their order.</summary>
    /// <exception cref="TimeoutException">They did not come in time; the message says how many did, and which were the last.</exception>
    public async Task<IReadOnlyList<T>> NextAsync(int count, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Eventually.Deadline);
        var came = new List<T>(count);
        try
        {
            while (came.Count < count)
            {
                came.Add(await _items.Reader.ReadAsync(deadline.Token));
            }
        }
        catch (OperationCanceledException late) when (deadline.IsCancellationRequested)
        {
            throw new TimeoutException(
                $"awaited {count} of {typeof(T).Name}, {came.Count} came: … {string.Join(" | ", came.TakeLast(5))}", late);
        }

        return came;
    }

    /// <summary>What came until now and has not been read.</summary>
    public IReadOnlyList<T> Drain()
    {
        var came = new List<T>();
        while (_items.Reader.TryRead(out var item))
        {
            came.Add(item);
        }

        return came;
    }
}
