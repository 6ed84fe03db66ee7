using System.Buffers;
using System.Text.Unicode;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Wants to know that bytes come, before they are a frame.</summary>
internal interface IReadProgress
{
    /// <summary>Some came.</summary>
    void OnBytes();
}

/// <summary>Reads a client's WebSocket frames (RFC 6455, 5) from its transport and puts messages together.</summary>
/// <remarks>One reader at a time. It holds a buffer only while bytes wait in it: an idle connection costs none. What it holds grows with what has come,
/// not with what a header promises.</remarks>
/// <param name="transport">Bytes of the client.</param>
/// <param name="maxMessageBytes">Payload of a frame, of a message, and of an inflated message at most.</param>
/// <param name="compressed"><c>permessage-deflate</c> was negotiated, without context takeover.</param>
/// <param name="progress">Is told of every read that brought bytes; null: not told.</param>
internal sealed class WebSocketReader(Stream transport, int maxMessageBytes, bool compressed = false, IReadProgress? progress = null) : IDisposable
{
    private const int FirstRentBytes = 4 * 1024;
    private const string NotText = "not UTF-8";

    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private MessageBuffer _message;
    private Utf8Progress _text; // Of the message under way, where it does not come whole.
    private int _checked;       // Payload of the frame under way that was unmasked and checked already.
    private byte[]? _inflated; // Handed out by the last read.

    /// <summary>The next thing that came.</summary>
    public async ValueTask<WebSocketInput> ReadAsync(CancellationToken cancellationToken)
    {
        ReturnInflated();
        while (true)
        {
            if (TryRead(out var input))
            {
                return input;
            }

            if (!await FillAsync(cancellationToken))
            {
                return new WebSocketInput(WebSocketInputKind.End);
            }
        }
    }

    /// <summary>Reads and forgets until the client's close frame or the end of its transport. Goes on after a violation, too, minding nothing but
    /// where frames end: a client that waits for our close frame must not get a reset instead.</summary>
    public async ValueTask DiscardUntilCloseAsync(CancellationToken cancellationToken)
    {
        var unread = 0UL; // Bytes of a frame that is passed over.
        while (true)
        {
            var passed = (int)Math.Min(unread, (ulong)(_end - _start));
            _start += passed;
            unread -= (ulong)passed;
            if (unread == 0 && WebSocketHeader.TryReadBounds(_buffer.AsSpan(_start, _end - _start), out var opcode, out unread))
            {
                if (opcode == WebSocketOpcode.Close)
                {
                    return;
                }
            }
            else if (!await FillAsync(cancellationToken))
            {
                return;
            }
        }
    }

    /// <summary>Gives all buffers back.</summary>
    public void Dispose()
    {
        ReturnInflated();
        _message.Dispose();
        ReturnBuffer();
    }

    /// <returns>False when more bytes are needed.</returns>
    private bool TryRead(out WebSocketInput input)
    {
        while (true)
        {
            var header = WebSocketHeader.Read(_buffer.AsSpan(_start, _end - _start), compressed, _message.IsOpen);
            if (header.Violation is { } violation)
            {
                input = WebSocketInput.BadFrame(violation);
                return true;
            }

            if (header.Bytes == 0)
            {
                input = default;
                return false;
            }

            if (!header.IsControl && header.PayloadBytes + (ulong)_message.Length > (ulong)maxMessageBytes)
            {
                input = WebSocketInput.TooBig(maxMessageBytes);
                return true;
            }

            var frameBytes = header.Bytes + (int)header.PayloadBytes;
            var isPlain = !header.IsControl && !(_message.IsOpen ? _message.IsCompressed : header.IsCompressed);
            if (_end - _start < frameBytes)
            {
                var isText = !isPlain || TryGoOn(_buffer.AsSpan(_start + header.Bytes, _end - _start - header.Bytes), header.Mask);
                input = isText ? default : WebSocketInput.BadFrame(NotText);
                return !isText;
            }

            var payload = _buffer.AsMemory(_start + header.Bytes, (int)header.PayloadBytes);
            _start += frameBytes;
            var comesWhole = header.IsFinal && !_message.IsOpen && _checked == 0;
            if (comesWhole || !isPlain)
            {
                WebSocketFrames.Unmask(payload.Span, header.Mask);
            }
            else if (!TryGoOn(payload.Span, header.Mask) || (header.IsFinal && !_text.IsComplete))
            {
                input = WebSocketInput.BadFrame(NotText);
                return true;
            }

            _checked = 0;
            if (header.IsControl)
            {
                input = Control(header.Opcode, payload);
                return true;
            }

            if (header.IsFinal && !_message.IsOpen)
            {
                input = Text(payload, header.IsCompressed, isChecked: !comesWhole);
                return true;
            }

            _message.Append(payload.Span, header.IsCompressed);
            if (header.IsFinal)
            {
                input = Text(_message.Close(out var messageCompressed), messageCompressed, isChecked: true);
                return true;
            }
        }
    }

    private static WebSocketInput Control(WebSocketOpcode opcode, ReadOnlyMemory<byte> payload) => opcode switch
    {
        WebSocketOpcode.Ping => new WebSocketInput(WebSocketInputKind.Ping, payload),
        WebSocketOpcode.Pong => new WebSocketInput(WebSocketInputKind.Pong, payload),
        _ => WebSocketFrames.TryReadClose(payload.Span, out var code)
            ? new WebSocketInput(WebSocketInputKind.Close, Code: code)
            : WebSocketInput.BadFrame("close code or reason not allowed"),
    };

    /// <summary>Unmasks and checks what has come of a frame since the last time: who sends what is not text is told before the frame is complete.</summary>
    private bool TryGoOn(Span<byte> payload, uint mask)
    {
        var fresh = payload[_checked..];
        WebSocketFrames.Unmask(fresh, WebSocketFrames.MaskAt(mask, _checked));
        _checked = payload.Length;
        return _text.TryGoOn(fresh);
    }

    private WebSocketInput Text(ReadOnlyMemory<byte> payload, bool isCompressed, bool isChecked)
    {
        if (isCompressed)
        {
            var (inflation, length) = MessageInflater.Inflate(payload.Span, maxMessageBytes, out _inflated);
            switch (inflation)
            {
                case Inflation.TooBig:
                    return WebSocketInput.TooBig(maxMessageBytes);
                case Inflation.Broken:
                    return WebSocketInput.BadFrame("not deflated");
            }

            payload = _inflated.AsMemory(0, length);
        }

        return (isChecked && !isCompressed) || Utf8.IsValid(payload.Span)
            ? new WebSocketInput(WebSocketInputKind.Text, payload)
            : WebSocketInput.BadFrame(NotText);
    }

    /// <returns>False when the transport has ended.</returns>
    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_start == _end)
            {
                // Waits with an empty buffer for bytes to be there; reads none.
                ReturnBuffer();
                _end = await transport.ReadAsync(Memory<byte>.Empty, cancellationToken);
                _buffer = ArrayPool<byte>.Shared.Rent(FirstRentBytes);
            }
            else if (_end == _buffer.Length)
            {
                MakeRoom();
            }

            var read = await transport.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                return false;
            }

            _end += read;
            progress?.OnBytes();
            return true;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return false; // Reset by the peer, or cut by us.
        }
    }

    /// <summary>The buffer is full with a part of a frame: moves it to the front, or into a buffer of twice the size.</summary>
    private void MakeRoom()
    {
        var waiting = _buffer.AsSpan(_start, _end - _start);
        if (waiting.Length <= _buffer.Length / 2)
        {
            waiting.CopyTo(_buffer);
        }
        else
        {
            // At most once more than the limit: a header that promises more was refused before.
            var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            waiting.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        (_start, _end) = (0, waiting.Length);
    }

    private void ReturnBuffer()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        (_buffer, _start, _end) = ([], 0, 0);
    }

    private void ReturnInflated()
    {
        if (_inflated is not null)
        {
            ArrayPool<byte>.Shared.Return(_inflated);
            _inflated = null;
        }
    }
}
