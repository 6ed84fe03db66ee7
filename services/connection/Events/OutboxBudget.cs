using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Events;

/// <summary>Bytes that all outboxes of the process hold together for clients that do not take them at once.</summary>
/// <remarks>An outbox whose wire takes everything is not counted, so that a delivery does not touch what all threads share. Events that several clients get
/// count once for each: the budget is for the worst case. Near the end of the budget slow clients are moved to catch-up early; above it the
/// largest outboxes are closed first.</remarks>
internal sealed class OutboxBudget(IOptions<OutboxOptions> options) : IThreadPoolWorkItem
{
    private const int DefaultShare = 4; // A quarter of the memory that the process may use.

    private readonly long _budget = Measured(options.Value.BudgetBytes > 0
        ? options.Value.BudgetBytes
        : Math.Max(options.Value.HardLimitBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / DefaultShare));

    private readonly ConcurrentDictionary<Outbox, bool> _slow = [];
    private long _used;
    private int _relieving;

    /// <summary>Bytes that wait.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>Three quarters are used: slow clients get no more than they must.</summary>
    public bool IsTight => Used > TightBytes;

    private long TightBytes => _budget / 4 * 3;

    /// <summary>What waits in an outbox has changed. Called with the outbox's lock held.</summary>
    public void Report(Outbox outbox, long before, long after)
    {
        if (before == 0)
        {
            _slow.TryAdd(outbox, true);
        }
        else if (after == 0)
        {
            _slow.TryRemove(outbox, out _);
        }

        Telemetry.OutboxBytes.Add(after - before);
        if (Interlocked.Add(ref _used, after - before) > _budget && after > before && Interlocked.Exchange(ref _relieving, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private static long Measured(long budget)
    {
        Telemetry.OutboxBudget.Record(budget);
        return budget;
    }

    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _relieving, 0); // What is reported from now on is looked at again.
        var above = Used - TightBytes;
        var open = new List<(Outbox Outbox, long Bytes)>();
        foreach (var (outbox, _) in _slow)
        {
            var bytes = outbox.WaitingBytes;
            if (outbox.IsClosing)
            {
                above -= bytes; // What its wire holds comes back when the wire takes it or is cut.
            }
            else
            {
                open.Add((outbox, bytes));
            }
        }

        foreach (var (outbox, bytes) in open.OrderByDescending(slow => slow.Bytes))
        {
            if (above <= 0)
            {
                return;
            }

            above -= bytes;
            outbox.Close(CloseCode.SlowConsumer, "too far behind");
        }
    }
}
