using System.Buffers;
using Tertulia.Connections.Protocol;

namespace Tertulia.Connections.Sockets;

/// <summary>The frames that go out in one write. A single one is written from its own, shared bytes; several are copied into one rented buffer, unless
/// the transport knows better (<see cref="ISharedTransport"/>).</summary>
/// <remarks>Held by whoever writes, and only while something is written: each thread keeps one for the next time.</remarks>
internal sealed class WriteBatch
{
    private const int MaxBytes = 64 * 1024; // The server's default output buffer: more would only wait there.
    private const int MaxFrames = 1024;
    private const int MinRentedBytes = 4 * 1024;

    [ThreadStatic]
    private static WriteBatch? t_free;

    private EncodedFrame?[] _frames = new EncodedFrame?[16];
    private int _count;
    private bool _compressed;
    private byte[] _buffer = [];

    /// <summary>One that nobody uses.</summary>
    public static WriteBatch Rent()
    {
        var batch = t_free ?? new WriteBatch();
        t_free = null;
        return batch;
    }

    /// <summary>The frames, in their order. The same objects for everybody who gets them.</summary>
    public ReadOnlySpan<EncodedFrame> Frames => _frames.AsSpan(0, _count)!;

    /// <summary>The connection has negotiated <c>permessage-deflate</c>.</summary>
    public bool Compressed => _compressed;

    /// <summary>Bytes of the frames together.</summary>
    public int Length { get; private set; }

    /// <summary>Takes the first frame, and as many more as fit; there must be one. What was taken before is forgotten.</summary>
    public void Take(ref FrameRing frames, bool compressed)
    {
        Forget();
        _compressed = compressed;
        do
        {
            Add(frames.Pop());
        }
        while (frames.Count > 0 && _count < MaxFrames && Length + frames.First.Wire(compressed).Length <= MaxBytes);
    }

    /// <summary>Takes one frame. What was taken before is forgotten.</summary>
    public void Take(EncodedFrame frame)
    {
        Forget();
        _compressed = false;
        Add(frame);
    }

    /// <summary>The bytes of all frames, valid until others are taken.</summary>
    public ReadOnlyMemory<byte> ToBytes()
    {
        if (_count == 1)
        {
            return _frames[0]!.Wire(_compressed);
        }

        if (_buffer.Length < Length)
        {
            ReturnBuffer();
            _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(Length, MinRentedBytes));
        }

        var length = 0;
        foreach (var frame in Frames)
        {
            var bytes = frame.Wire(_compressed);
            bytes.Span.CopyTo(_buffer.AsSpan(length));
            length += bytes.Length;
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

    private void Add(EncodedFrame frame)
    {
        if (_count == _frames.Length)
        {
            Array.Resize(ref _frames, _count * 2);
        }

        _frames[_count++] = frame;
        Length += frame.Wire(_compressed).Length;
    }

    private void Forget()
    {
        _frames.AsSpan(0, _count).Clear();
        (_count, Length) = (0, 0);
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
