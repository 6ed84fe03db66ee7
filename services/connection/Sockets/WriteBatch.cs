using System.Buffers;

namespace Tertulia.Connections.Sockets;

/// <summary>What goes out in one write. A single frame is written from its own, shared bytes; several are copied into one rented buffer.</summary>
internal sealed class WriteBatch : IDisposable
{
    private const int MaxBytes = 64 * 1024; // The server's default output buffer: more would only wait there.
    private const int MinRentedBytes = 4 * 1024;

    private byte[] _buffer = [];

    /// <summary>Takes the first frame, and as many more as fit; there must be one.</summary>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlyMemory<byte> Take(ref FrameRing frames)
    {
        if (frames.Count == 1 || frames.FirstBytes >= MaxBytes)
        {
            return frames.Pop();
        }

        Rent(Math.Min(frames.Bytes, MaxBytes));
        var length = 0;
        while (frames.Count > 0 && length + frames.FirstBytes <= _buffer.Length)
        {
            var frame = frames.Pop();
            frame.Span.CopyTo(_buffer.AsSpan(length));
            length += frame.Length;
        }

        return _buffer.AsMemory(0, length);
    }

    /// <summary>Gives the buffer back: nothing is being written.</summary>
    public void Release()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }

    public void Dispose() => Release();

    private void Rent(int bytes)
    {
        if (_buffer.Length < bytes)
        {
            Release();
            _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, MinRentedBytes));
        }
    }
}
