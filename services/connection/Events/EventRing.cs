using System.Buffers;

namespace Tertulia.Connections.Events;

/// <summary>Events in the order in which they are sent. Not thread-safe: its owner locks.</summary>
internal struct EventRing
{
    // Enough for a quiet room, and kept. A larger ring is rented and given back when it is empty.
    private const int Small = 8;

    private ServerEvent?[]? _small;
    private ServerEvent?[]? _ring;
    private int _head;

    /// <summary>Events in the ring.</summary>
    public int Count { get; private set; }

    /// <summary>The first event; there must be one.</summary>
    public readonly ServerEvent First => _ring![_head]!;

    /// <summary>Appends an event.</summary>
    public void Push(ServerEvent serverEvent)
    {
        _ring ??= _small ??= new ServerEvent?[Small];
        if (Count == _ring.Length)
        {
            Grow();
        }

        var tail = _head + Count;
        _ring[tail < _ring.Length ? tail : tail - _ring.Length] = serverEvent;
        Count++;
    }

    /// <summary>Takes the first event; there must be one.</summary>
    public ServerEvent Pop()
    {
        var serverEvent = _ring![_head]!;
        _ring[_head] = null;
        _head = _head + 1 < _ring.Length ? _head + 1 : 0;
        if (--Count == 0)
        {
            Empty();
        }

        return serverEvent;
    }

    /// <summary>Puts an event back before all others.</summary>
    public void PushFront(ServerEvent serverEvent)
    {
        Push(serverEvent); // Makes room; then everything moves by one place, which happens only when a wire was lost.
        for (var place = Count - 1; place > 0; place--)
        {
            this[place] = this[place - 1];
        }

        this[0] = serverEvent;
    }

    /// <summary>Bytes of all events in a wire format.</summary>
    public readonly int BytesIn(IWireFormat format)
    {
        var bytes = 0;
        for (var place = 0; place < Count; place++)
        {
            bytes += this[place].In(format).Length;
        }

        return bytes;
    }

    /// <summary>Forgets all events.</summary>
    public void Clear()
    {
        if (_ring is not null)
        {
            Array.Clear(_ring);
        }

        Count = 0;
        Empty();
    }

    private readonly ServerEvent this[int place]
    {
        get => _ring![(_head + place) % _ring.Length]!;
        set => _ring![(_head + place) % _ring.Length] = value;
    }

    private void Grow()
    {
        var larger = ArrayPool<ServerEvent?>.Shared.Rent(_ring!.Length * 2);
        var untilEnd = Math.Min(Count, _ring.Length - _head);
        Array.Copy(_ring, _head, larger, 0, untilEnd);
        Array.Copy(_ring, 0, larger, untilEnd, Count - untilEnd);
        Array.Clear(_ring);
        Return();
        (_ring, _head) = (larger, 0);
    }

    private void Empty()
    {
        Return();
        (_ring, _head) = (_small, 0);
    }

    private readonly void Return()
    {
        if (_ring is not null && _ring != _small)
        {
            ArrayPool<ServerEvent?>.Shared.Return(_ring);
        }
    }
}
