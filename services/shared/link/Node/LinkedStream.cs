namespace Tertulia.Link.Node;

/// <summary>A linked client's WebSocket as a stream.</summary>
internal sealed class LinkedStream : Stream, ISharedTransport
{
    private readonly LinkedClient _client;

    internal LinkedStream(LinkedClient client) => _client = client;

    public ISharedWay Way => _client.Way;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.CanBeCanceled ? ReadCancellableAsync(buffer, cancellationToken) : _client.ReadAsync(buffer);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var sending = _client.SendAsync(buffer);
        _client.Flush();
        return sending.IsCompleted || !cancellationToken.CanBeCanceled ? sending : new ValueTask(sending.AsTask().WaitAsync(cancellationToken));
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public ValueTask WriteAsync(ReadOnlyMemory<ReadOnlyMemory<byte>> pieces) => _client.SendSharedAsync(pieces);

    public override void Flush() => _client.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        _client.Flush();
        return Task.CompletedTask;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask<int> ReadCancellableAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var reading = _client.ReadAsync(buffer);
        await using var cancelling = cancellationToken.UnsafeRegister(
            static (client, token) => ((LinkedClient)client!).CancelRead(token), _client);
        return await reading;
    }
}
