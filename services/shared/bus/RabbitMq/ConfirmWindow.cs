using System.Globalization;
using System.Numerics;
using RabbitMQ.Client.Events;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The messages of one channel that the broker has not confirmed, by publish sequence number (1, 2, 3, … per channel).</summary>
/// <remarks>
/// A ring, because numbers are dense and confirms come nearly in order. The client library's own tracking costs a task, a semaphore
/// and a header per message, and searches all that is outstanding for each confirm that covers several (ADR 0002).
/// Added to by the publishing loop, confirmed by the connection's reading loop.
/// </remarks>
internal sealed class ConfirmWindow
{
    private readonly Lock _gate = new();
    private readonly Entry[] _ring;
    private readonly long _maxBytes;
    private long _bytes;
    private ulong _oldest = 1; // Sequence number of the oldest unconfirmed message; equal to _next when there is none.
    private ulong _next = 1;
    private string? _closed;
    private TaskCompletionSource? _room;

    /// <param name="capacity">Messages, rounded up to a power of two.</param>
    /// <param name="maxBytes">Bytes of all unconfirmed messages at which the window is full. The last one may exceed it.</param>
    public ConfirmWindow(int capacity, long maxBytes)
    {
        _ring = new Entry[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _maxBytes = maxBytes;
    }

    private bool IsFull => _next - _oldest == (ulong)_ring.Length || _bytes >= _maxBytes;

    /// <summary>Bytes of the largest unconfirmed message; 0 when there is none.</summary>
    public int LargestUnconfirmed
    {
        get
        {
            lock (_gate)
            {
                var largest = 0;
                for (var sequence = _oldest; sequence < _next; sequence++)
                {
                    largest = Math.Max(largest, _ring[Slot(sequence)].Bytes);
                }

                return largest;
            }
        }
    }

    /// <summary>Takes the next sequence number for a message. Called before the message is written, because its confirmation may be faster than the return.</summary>
    /// <param name="publication">Told of the confirmation.</param>
    /// <param name="bytes">Size of the message.</param>
    /// <returns>0 when the window is full: await <see cref="WaitForRoomAsync"/>.</returns>
    public ulong TryAdd(Publication publication, int bytes)
    {
        lock (_gate)
        {
            if (_closed is { } reason)
            {
                publication.Fail(reason);
            }
            else if (IsFull)
            {
                return 0;
            }

            _ring[Slot(_next)] = new Entry(publication, bytes);
            _bytes += bytes;
            return _next++;
        }
    }

    public Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!IsFull)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task.WaitAsync(cancellationToken);
        }
    }

    public Task OnAckAsync(object sender, BasicAckEventArgs ack)
    {
        Confirm(ack.DeliveryTag, ack.Multiple, taken: true);
        return Task.CompletedTask;
    }

    public Task OnNackAsync(object sender, BasicNackEventArgs nack)
    {
        Confirm(nack.DeliveryTag, nack.Multiple, taken: false);
        return Task.CompletedTask;
    }

    public Task OnReturnAsync(object sender, BasicReturnEventArgs returned)
    {
        if (ulong.TryParse(returned.BasicProperties.MessageId, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
        {
            lock (_gate)
            {
                if (sequence >= _oldest && sequence < _next)
                {
                    _ring[Slot(sequence)].Publication?.OnReturned(returned.RoutingKey);
                }
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>The channel is gone: whatever is unconfirmed may or may not have arrived.</summary>
    public void Close(string reason)
    {
        lock (_gate)
        {
            _closed = reason;
            for (; _oldest < _next; _oldest++)
            {
                _ring[Slot(_oldest)].Publication?.Fail(reason);
                _ring[Slot(_oldest)] = default;
            }

            _bytes = 0;
            _room?.TrySetResult();
        }
    }

    private void Confirm(ulong tag, bool multiple, bool taken)
    {
        lock (_gate)
        {
            if (tag < _oldest || tag >= _next)
            {
                return;
            }

            for (var sequence = multiple ? _oldest : tag; sequence <= tag; sequence++)
            {
                ref var slot = ref _ring[Slot(sequence)];
                slot.Publication?.OnConfirmed(taken);
                _bytes -= slot.Bytes;
                slot = default;
            }

            while (_oldest < _next && _ring[Slot(_oldest)].Publication is null)
            {
                _oldest++;
            }

            if (_room is not null && !IsFull)
            {
                _room.TrySetResult();
                _room = null;
            }
        }
    }

    private int Slot(ulong sequence) => (int)(sequence & ((ulong)_ring.Length - 1));

    private readonly record struct Entry(Publication? Publication, int Bytes);
}
