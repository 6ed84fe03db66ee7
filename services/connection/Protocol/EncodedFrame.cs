using System.IO.Compression;

namespace Tertulia.Connections.Protocol;

/// <summary>What may become of a frame when the client reads too slowly.</summary>
internal enum FrameClass
{
    /// <summary>An entry of a room's log. Left out above the soft limit: the caller marks a hole, the client pages the history.</summary>
    Durable,

    /// <summary>Typing, presence, counts. Silently left out above the soft limit.</summary>
    Ephemeral,

    /// <summary>Replies and everything else that is owed to this client. Queued up to the hard limit.</summary>
    Control,
}

/// <summary>A server frame, encoded once and shared by everybody who gets it. Its bytes never change.</summary>
internal sealed class EncodedFrame
{
    // permessage-deflate ends every message with the empty block of a sync flush and leaves these bytes of it out (RFC 7692, 7.2.1).
    private static ReadOnlySpan<byte> FlushTail => [0x00, 0x00, 0xFF, 0xFF];

    private readonly byte[] _plain;
    private readonly int _headerBytes;
    private byte[]? _deflated;

    /// <param name="json">The frame's JSON, UTF-8; copied.</param>
    /// <param name="class">What may become of it when the client reads too slowly.</param>
    public EncodedFrame(ReadOnlyMemory<byte> json, FrameClass @class)
        : this(WebSocketOpcode.Text, json.Span, @class)
    {
    }

    /// <param name="opcode">Text, or a control frame.</param>
    /// <param name="payload">Copied.</param>
    /// <param name="class">What may become of it when the client reads too slowly.</param>
    public EncodedFrame(WebSocketOpcode opcode, ReadOnlySpan<byte> payload, FrameClass @class)
    {
        Class = @class;
        _headerBytes = WebSocketFrames.HeaderBytes(payload.Length);
        _plain = GC.AllocateUninitializedArray<byte>(_headerBytes + payload.Length);
        WebSocketFrames.WriteHeader(_plain, opcode, payload.Length, compressed: false);
        payload.CopyTo(_plain.AsSpan(_headerBytes));
    }

    public FrameClass Class { get; }

    /// <summary>The payload.</summary>
    public ReadOnlyMemory<byte> Json => _plain.AsMemory(_headerBytes);

    /// <summary>The complete WebSocket frame: header and payload.</summary>
    public ReadOnlyMemory<byte> Plain => _plain;

    /// <summary>The complete WebSocket frame of a connection that has negotiated <c>permessage-deflate</c> without context takeover. Made when
    /// first asked for; the plain frame when compressing gains nothing.</summary>
    public ReadOnlyMemory<byte> Deflated => Volatile.Read(ref _deflated) ?? Interlocked.CompareExchange(ref _deflated, Deflate(), null) ?? _deflated;

    /// <summary>The complete WebSocket frame as one connection gets it.</summary>
    /// <param name="compressed">The connection has negotiated <c>permessage-deflate</c>.</param>
    public ReadOnlyMemory<byte> Wire(bool compressed) => compressed ? Deflated : Plain;

    private byte[] Deflate()
    {
        // Control frames are never compressed (RFC 7692, 6.1).
        if ((_plain[0] & 0x08) != 0)
        {
            return _plain;
        }

        using var target = new MemoryStream(_plain.Length);
        using (var deflate = new DeflateStream(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflate.Write(Json.Span);
            deflate.Flush();
            var compressed = target.GetBuffer().AsSpan(0, (int)target.Length);
            if (!compressed.EndsWith(FlushTail) || compressed.Length - FlushTail.Length >= Json.Length)
            {
                return _plain;
            }

            compressed = compressed[..^FlushTail.Length];
            var headerBytes = WebSocketFrames.HeaderBytes(compressed.Length);
            var frame = GC.AllocateUninitializedArray<byte>(headerBytes + compressed.Length);
            WebSocketFrames.WriteHeader(frame, WebSocketOpcode.Text, compressed.Length, compressed: true);
            compressed.CopyTo(frame.AsSpan(headerBytes));
            return frame;
        }
    }
}
