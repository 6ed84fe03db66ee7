using System.Buffers;
using Tertulia.Link;

namespace Tertulia.Connections.Events;

/// <summary>The events that go out in one write. A single one is written from its own, shared bytes; several are copied into one rented buffer, unless
/// the transport knows better (<see cref="ISharedTransport"/>).</summary>
/// <remarks>Held by the outbox that writes, and only while something is written: each thread keeps one for the next time.</remarks>
internal sealed class WriteBatch
{
    private const int MaxBytes = 64 * 1024; // The server's default output buffer: more would only wait there.
    private const int MaxEvents = 1024;
    private const int MinRentedBytes = 4 * 1024;

    [ThreadStatic]
    private static WriteBatch? t_free;

    private ReadOnlyMemory<byte>[] _pieces = new ReadOnlyMemory<byte>[16];
    private ServerEvent?[] _events = new ServerEvent?[16]; // Of the pieces, in case their wire is lost.
    private int _count;
    private byte[] _buffer = [];

    /// <summary>Takes a free batch from this thread's cache.</summary>
    public static WriteBatch Rent()
    {
        var batch = t_free ?? new WriteBatch();
        t_free = null;
        return batch;
    }

    /// <summary>The events, in their order: the same bytes for everybody who gets them. Valid until others are taken.</summary>
    public ReadOnlyMemory<ReadOnlyMemory<byte>> Pieces => _pieces.AsMemory(0, _count);

    /// <summary>It is a part of a large event.</summary>
    public bool IsSlice { get; private set; }

    /// <summary>Bytes of the events together.</summary>
    public int Length { get; private set; }

    /// <summary>Takes the first event, and as many more as fit; there must be one. What was taken before is forgotten.</summary>
    public void Take(ref EventRing events, IWireFormat format)
    {
        Forget();
        do
        {
            Add(events.Pop(), format);
        }
        while (events.Count > 0 && _count < MaxEvents && Length + events.First.In(format).Length <= MaxBytes);
    }

    /// <summary>Takes one event. What was taken before is forgotten.</summary>
    public void Take(ServerEvent serverEvent, IWireFormat format)
    {
        Forget();
        Add(serverEvent, format);
    }

    /// <summary>Takes a part of a large event. What was taken before is forgotten; a slice is not given back.</summary>
    /// <returns>Its bytes.</returns>
    public int TakeSlice(ServerEvent serverEvent, IWireFormat format, int offset)
    {
        Forget();
        var bytes = serverEvent.In(format);
        var slice = bytes.Slice(offset, Math.Min(MaxBytes, bytes.Length - offset));
        (_pieces[0], _count, Length, IsSlice) = (slice, 1, slice.Length, true);
        return slice.Length;
    }

    /// <summary>The bytes of all events, valid until others are taken.</summary>
    public ReadOnlyMemory<byte> ToBytes()
    {
        if (_count == 1)
        {
            return _pieces[0];
        }

        if (_buffer.Length < Length)
        {
            ReturnBuffer();
            _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(Length, MinRentedBytes));
        }

        var length = 0;
        foreach (var piece in _pieces.AsSpan(0, _count))
        {
            piece.Span.CopyTo(_buffer.AsSpan(length));
            length += piece.Length;
        }

        return _buffer.AsMemory(0, length);
    }

    /// <summary>Nothing is being written.</summary>
    public void Return()
    {
        Forget();
        ReturnBuffer();
        t_free = this;
    }

    /// <summary>Puts everything back that was taken.</summary>
    public void GiveBack(ref EventRing events)
    {
        for (var index = _count - 1; index >= 0; index--)
        {
            if (_events[index] is { } serverEvent)
            {
                events.PushFront(serverEvent);
            }
        }
    }

    private void Add(ServerEvent serverEvent, IWireFormat format)
    {
        if (_count == _pieces.Length)
        {
            Array.Resize(ref _pieces, _count * 2);
            Array.Resize(ref _events, _count * 2);
        }

        var piece = serverEvent.In(format);
        _events[_count] = serverEvent;
        _pieces[_count++] = piece;
        Length += piece.Length;
    }

    private void Forget()
    {
        _pieces.AsSpan(0, _count).Clear();
        _events.AsSpan(0, _count).Clear();
        (_count, Length, IsSlice) = (0, 0, false);
    }

    private void ReturnBuffer()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
