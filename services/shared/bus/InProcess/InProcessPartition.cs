using Microsoft.Extensions.Logging;
using Tertulia.Contracts;

namespace Tertulia.Bus.InProcess;

/// <summary>One partition's queue: a ring in the order of the batches, of which the active consumer has received a part and not yet acknowledged it.</summary>
/// <remarks>Positions count up for ever: <c>_first</c> (oldest not acknowledged) ≤ <c>_next</c> (next to be delivered) ≤ <c>_end</c>. Handing over
/// to another consumer is setting <c>_next</c> back to <c>_first</c>.</remarks>
internal sealed class InProcessPartition(int partition, int capacity, Action<SubmitBatch, string> deadLetter, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly SubmitBatch?[] _ring = new SubmitBatch?[capacity]; // Null within the range: dead-lettered.
    private readonly List<InProcessConsumer> _consumers = []; // The first is the active one.
    private long _first;
    private long _next;
    private long _end;
    private long _delivered; // Positions below it were delivered to somebody.

    public bool TryEnqueue(SubmitBatch batch)
    {
        InProcessConsumer? active;
        lock (_gate)
        {
            if (_end - _first == _ring.Length)
            {
                return false;
            }

            Slot(_end++) = batch;
            active = _consumers.Count > 0 ? _consumers[0] : null;
        }

        active?.Wake();
        return true;
    }

    public InProcessConsumer AddConsumer(Func<SubmitDelivery, ValueTask> receive)
    {
        var consumer = new InProcessConsumer(this, partition, receive, logger);
        lock (_gate)
        {
            _consumers.Add(consumer);
        }

        consumer.Start();
        return consumer;
    }

    /// <summary>The next batch for a consumer; null when there is none, or it is not the active one.</summary>
    public SubmitDelivery? TryTake(InProcessConsumer consumer)
    {
        lock (_gate)
        {
            if (_consumers.Count == 0 || _consumers[0] != consumer)
            {
                return null;
            }

            while (_next < _end)
            {
                var position = _next++;
                var redelivered = position < _delivered;
                _delivered = Math.Max(_delivered, _next);
                if (Slot(position) is { } batch)
                {
                    return new SubmitDelivery(batch, (ulong)_next, redelivered); // Tag: position + 1.
                }
            }

            return null;
        }
    }

    public void Acknowledge(InProcessConsumer consumer, ulong upTo)
    {
        lock (_gate)
        {
            EnsureActive(consumer);
            for (; _first < Math.Min((long)upTo, _next); _first++)
            {
                Slot(_first) = null;
            }
        }
    }

    public void DeadLetter(InProcessConsumer consumer, SubmitDelivery delivery, string reason)
    {
        lock (_gate)
        {
            EnsureActive(consumer);
            Slot((long)delivery.Tag - 1) = null;
            while (_first < _next && Slot(_first) is null)
            {
                _first++;
            }
        }

        deadLetter(delivery.Batch, reason);
    }

    /// <summary>What the consumer has not acknowledged is delivered again, in its order, to the next one.</summary>
    public void Remove(InProcessConsumer consumer)
    {
        InProcessConsumer? next = null;
        lock (_gate)
        {
            var wasActive = _consumers.Count > 0 && _consumers[0] == consumer;
            _consumers.Remove(consumer);
            if (wasActive)
            {
                _next = _first;
                next = _consumers.Count > 0 ? _consumers[0] : null;
            }
        }

        next?.Wake();
    }

    private void EnsureActive(InProcessConsumer consumer)
    {
        if (_consumers.Count == 0 || _consumers[0] != consumer)
        {
            throw new BusUnavailableException($"the consumer of partition {partition} is closed");
        }
    }

    private ref SubmitBatch? Slot(long position) => ref _ring[position % _ring.Length];
}
