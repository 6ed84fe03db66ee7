using System.Buffers.Binary;
using System.Text;
using System.Threading.Channels;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Support;

/// <summary>The client's end of a socket: understands the frames that the node writes, and may stop to read.</summary>
internal sealed class ClientStream : Stream
{
    private readonly Channel<Frame> _frames = Channel.CreateUnbounded<Frame>();
    private readonly TaskCompletionSource<(int Code, string Reason)> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _stalled;
    private int _pings;

    /// <summary>Text frames in the order in which they came.</summary>
    public ChannelReader<Frame> Frames => _frames.Reader;

    /// <summary>The close frame.</summary>
    public Task<(int Code, string Reason)> Closed => _closed.Task;

    /// <summary>Ping frames that came.</summary>
    public int Pings => Volatile.Read(ref _pings);

    /// <summary>Called by every write, on its thread.</summary>
    public Action? OnWrite { get; set; }

    /// <summary>Takes nothing any more.</summary>
    public void Stall() => _stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reads on.</summary>
    public void Resume() => _stalled?.TrySetResult();

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        OnWrite?.Invoke();
        if (_stalled is { } stalled)
        {
            await stalled.Task;
        }

        while (!buffer.IsEmpty)
        {
            buffer = buffer[Take(buffer.Span)..];
        }
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    // Frames of a server are not masked and, here, never split over two writes.
    private int Take(ReadOnlySpan<byte> bytes)
    {
        var (header, length) = (bytes[1] & 0x7F) switch
        {
            126 => (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..])),
            127 => (10, checked((int)BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]))),
            var small => (2, small),
        };
        var payload = bytes.Slice(header, length);
        switch (bytes[0] & 0x0F)
        {
            case 1:
                _frames.Writer.TryWrite(Frame.Parse(Encoding.UTF8.GetString(payload)));
                break;
            case 8:
                _closed.TrySetResult((BinaryPrimitives.ReadUInt16BigEndian(payload), Encoding.UTF8.GetString(payload[2..])));
                break;
            case 9:
                Interlocked.Increment(ref _pings);
                break;
        }

        return header + length;
    }
}
