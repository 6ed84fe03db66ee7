using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Tertulia.Hosting;

/// <summary>What is written to a connection goes to its socket on the thread that writes: one system call, no copy, no other thread.</summary>
/// <remarks>
/// <para>It stands in the place of the server's output pipe from the first byte on, below TLS, so that nobody else ever writes to the socket. What the socket does not
/// take at once is sent in the socket's own asynchronous way, and the write completes with its last byte: no buffer waits for a slow client, its writer does.</para>
/// <para>One write at a time, as with any <see cref="PipeWriter"/>. Part of a write that is under way may have left: neither its token nor
/// <see cref="CancelPendingFlush"/> ends it, but the end of the socket does.</para>
/// </remarks>
internal sealed class DirectOutput : PipeWriter, IDuplexPipe
{
    private const int MinBufferBytes = 4 * 1024;

    private readonly Socket _socket;
    private readonly PipeWriter _server;
    private byte[] _buffer = []; // Rented while something waits for its flush.
    private int _buffered;
    private volatile bool _isSending; // Asynchronously; the buffer may be what is sent.
    private volatile bool _isCancelled;
    private volatile bool _isGone;

    /// <param name="socket">The connection's.</param>
    /// <param name="server">The server's ways from and to it. Nothing was written.</param>
    /// <exception cref="ObjectDisposedException">The connection is gone.</exception>
    internal DirectOutput(Socket socket, IDuplexPipe server)
    {
        (_socket, Input, _server) = (socket, server.Input, server.Output);
        socket.Blocking = false; // Else a full socket would hold the thread. Asynchronous ways set it, too, without being told.
    }

    public PipeReader Input { get; }

    public PipeWriter Output => this;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _buffered;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_buffered);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)(_buffer.Length - _buffered), nameof(bytes));
        _buffered += bytes;
    }

    /// <returns>Completed when the connection is gone: nothing is thrown for that.</returns>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (_buffered == 0)
        {
            return SendAsync(source);
        }

        this.Write(source.Span);
        return FlushAsync(cancellationToken);
    }

    /// <inheritdoc cref="WriteAsync"/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        var sending = SendAsync(_buffer.AsMemory(0, _buffered));
        if (sending.IsCompleted)
        {
            Forget();
        }

        return sending;
    }

    public override void CancelPendingFlush() => _isCancelled = true;

    /// <summary>Nothing more is written. What was not flushed is sent by the server, which then ends the connection.</summary>
    public override void Complete(Exception? exception = null)
    {
        if (!_isSending) // Otherwise the connection is being cut.
        {
            if (!_isGone)
            {
                _server.Write(_buffer.AsSpan(0, _buffered));
            }

            Forget();
        }

        _server.Complete(exception);
    }

    private void Reserve(int bytes)
    {
        ThrowIfSending();
        if (_buffer.Length - _buffered < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffered + bytes, MinBufferBytes));
            var buffered = _buffered;
            _buffer.AsSpan(0, buffered).CopyTo(larger);
            Forget();
            (_buffer, _buffered) = (larger, buffered);
        }
    }

    private void Forget()
    {
        _buffered = 0;
        if (Interlocked.Exchange(ref _buffer, []) is { Length: > 0 } buffer)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private ValueTask<FlushResult> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        ThrowIfSending();
        if (bytes.Length > 0 && !_isGone)
        {
            try
            {
                var sent = _socket.Send(bytes.Span, SocketFlags.None, out var error);
                if (error is not (SocketError.Success or SocketError.WouldBlock))
                {
                    _isGone = true;
                }
                else if (sent < bytes.Length)
                {
                    _isSending = true;
                    return SendRestAsync(bytes[sent..]);
                }
            }
            catch (ObjectDisposedException)
            {
                _isGone = true;
            }
        }

        return new ValueTask<FlushResult>(Result());
    }

    private async ValueTask<FlushResult> SendRestAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, CancellationToken.None)..]; // Ended by the end of the socket.
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            _isGone = true;
        }

        Forget();
        _isSending = false;
        return Result();
    }

    private FlushResult Result()
    {
        var isCancelled = _isCancelled;
        if (isCancelled)
        {
            _isCancelled = false;
        }

        return new FlushResult(isCancelled, _isGone);
    }

    private void ThrowIfSending()
    {
        if (_isSending)
        {
            throw new InvalidOperationException("A write is under way");
        }
    }
}

/// <summary>The direct output of a listener's connections.</summary>
public static class DirectOutputs
{
    /// <summary>Lets connections be written to directly. The first of a listener's middlewares: nothing may have been written.</summary>
    public static void UseDirectOutput(this ListenOptions options) => options.Use(next => connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>() is { } feature)
        {
            try
            {
                connection.Transport = new DirectOutput(feature.Socket, connection.Transport);
            }
            catch (ObjectDisposedException)
            {
                // It is gone already, which whoever reads it is told.
            }
        }

        return next(connection);
    });
}
