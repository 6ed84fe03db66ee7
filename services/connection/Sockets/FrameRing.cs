using System.Buffers;

namespace Tertulia.Connections.Sockets;

/// <summary>Frames in the order in which they are sent. Not thread-safe: its owner locks.</summary>
internal struct FrameRing
{
    // Enough for a quiet room, and kept. A larger ring is rented and given back when it is empty.
    private const int Small = 8;

    private ReadOnlyMemory<byte>[]? _small;
    private ReadOnlyMemory<byte>[]? _ring;
    private int _head;

    /// <summary>Frames in the ring.</summary>
    public int Count { get; private set; }

    /// <summary>Their bytes together.</summary>
    public int Bytes { get; private set; }

    /// <summary>Bytes of the first frame; there must be one.</summary>
    public readonly int FirstBytes => _ring![_head].Length;

    /// <summary>Appends a frame.</summary>
    public void Push(ReadOnlyMemory<byte> frame)
    {
        _ring ??= _small ??= new ReadOnlyMemory<byte>[Small];
        if (Count == _ring.Length)
        {
            Grow();
        }

        var tail = _head + Count;
        _ring[tail < _ring.Length ? tail : tail - _ring.Length] = frame;
        Count++;
        Bytes += frame.Length;
    }

    /// <summary>Takes the first frame; there must be one.</summary>
    public ReadOnlyMemory<byte> Pop()
    {
        var frame = _ring![_head];
        _ring[_head] = default;
        _head = _head + 1 < _ring.Length ? _head + 1 : 0;
        Bytes -= frame.Length;
        if (--Count == 0)
        {
            Empty();
        }

        return frame;
    }

    /// <summary>Forgets all frames.</summary>
    public void Clear()
    {
        if (_ring is not null)
        {
            Array.Clear(_ring);
        }

        (Count, Bytes) = (0, 0);
        Empty();
    }

    private void Grow()
    {
        var larger = ArrayPool<ReadOnlyMemory<byte>>.Shared.Rent(_ring!.Length * 2);
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
            ArrayPool<ReadOnlyMemory<byte>>.Shared.Return(_ring);
        }
    }
}
