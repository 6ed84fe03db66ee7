namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>A transport on which bytes come in pieces of given sizes, then the end.</summary>
internal sealed class ChunkStream(byte[] bytes, Func<int> nextSize) : Stream
{
    private int _position;

    /// <summary>Everything in pieces of one size.</summary>
    public ChunkStream(byte[] bytes, int size = int.MaxValue)
        : this(bytes, () => size)
    {
    }

    /// <summary>Bytes that were not read.</summary>
    public int Left => bytes.Length - _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = Math.Min(Math.Min(buffer.Length, Left), buffer.Length == 0 ? 0 : nextSize());
        bytes.AsMemory(_position, read).CopyTo(buffer);
        _position += read;
        return ValueTask.FromResult(read);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
