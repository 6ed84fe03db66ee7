using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The header of a client's frame (RFC 6455, 5.2).</summary>
/// <param name="Bytes">Bytes of the header; 0 when it is not complete.</param>
/// <param name="Opcode">Text, continuation, close, ping or pong.</param>
/// <param name="IsFinal">The last frame of its message.</param>
/// <param name="IsCompressed">RSV1: the message it begins is deflated.</param>
/// <param name="PayloadBytes">Bytes that follow.</param>
/// <param name="Mask">In the machine's byte order.</param>
/// <param name="Violation">Why it is not allowed; null when it is.</param>
internal readonly record struct WebSocketHeader(
    int Bytes, WebSocketOpcode Opcode = default, bool IsFinal = false, bool IsCompressed = false, ulong PayloadBytes = 0, uint Mask = 0,
    string? Violation = null)
{
    private const int MaskBytes = 4;

    public bool IsControl => ((byte)Opcode & 0x08) != 0;

    /// <summary>Reads a header. What is wrong with it is said as soon as the byte has come that shows it.</summary>
    /// <param name="bytes">What has come.</param>
    /// <param name="compression">RSV1 is allowed on the first frame of a message.</param>
    /// <param name="inMessage">A message has begun and is not complete.</param>
    public static WebSocketHeader Read(ReadOnlySpan<byte> bytes, bool compression, bool inMessage)
    {
        if (bytes.Length < 2)
        {
            return default;
        }

        var opcode = (WebSocketOpcode)(bytes[0] & 0x0F);
        var isFinal = (bytes[0] & 0x80) != 0;
        var isCompressed = (bytes[0] & 0x40) != 0;
        var length = (ulong)(bytes[1] & 0x7F);
        var violation = opcode switch
        {
            _ when (bytes[0] & 0x30) != 0 => "RSV2 or RSV3 is set",
            _ when (bytes[1] & 0x80) == 0 => "not masked",
            WebSocketOpcode.Text when inMessage => "a message began before the last one was complete",
            WebSocketOpcode.Text when isCompressed && !compression => "RSV1 is set, but no compression was negotiated",
            WebSocketOpcode.Text => null,
            WebSocketOpcode.Continuation when !inMessage => "nothing to continue",
            WebSocketOpcode.Binary => "binary frames are not used",
            _ when isCompressed => "RSV1 is set on a frame that begins no message",
            WebSocketOpcode.Continuation => null,
            WebSocketOpcode.Close or WebSocketOpcode.Ping or WebSocketOpcode.Pong when !isFinal => "a control frame in fragments",
            WebSocketOpcode.Close or WebSocketOpcode.Ping or WebSocketOpcode.Pong when length > WebSocketFrames.MaxControlBytes => "a control frame above 125 bytes",
            WebSocketOpcode.Close or WebSocketOpcode.Ping or WebSocketOpcode.Pong => null,
            _ => "unknown opcode",
        };
        if (violation is not null)
        {
            return new WebSocketHeader(2, Violation: violation);
        }

        var lengthBytes = length switch { 126 => 2, 127 => 8, _ => 0 };
        var headerBytes = 2 + lengthBytes + MaskBytes;
        if (bytes.Length < headerBytes)
        {
            return default;
        }

        length = lengthBytes switch
        {
            2 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            8 => BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]),
            _ => length,
        };
        return length > long.MaxValue
            ? new WebSocketHeader(2, Violation: "the length has its first bit set")
            : new WebSocketHeader(headerBytes, opcode, isFinal, isCompressed, length, MemoryMarshal.Read<uint>(bytes[(headerBytes - MaskBytes)..]));
    }

    /// <summary>Where a frame ends, whatever else is wrong with it.</summary>
    /// <param name="bytes">What has come.</param>
    /// <param name="opcode">Of the frame.</param>
    /// <param name="frameBytes">Of header and payload; 0 when more bytes are needed.</param>
    /// <returns>False when more bytes are needed.</returns>
    public static bool TryReadBounds(ReadOnlySpan<byte> bytes, out WebSocketOpcode opcode, out ulong frameBytes)
    {
        (opcode, frameBytes) = (default, 0);
        if (bytes.Length < 2)
        {
            return false;
        }

        var length = (ulong)(bytes[1] & 0x7F);
        var headerBytes = 2 + (length switch { 126 => 2, 127 => 8, _ => 0 });
        if (bytes.Length < headerBytes)
        {
            return false;
        }

        length = length switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            127 => Math.Min(BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]), long.MaxValue),
            _ => length,
        };
        opcode = (WebSocketOpcode)(bytes[0] & 0x0F);
        frameBytes = (ulong)headerBytes + ((bytes[1] & 0x80) != 0 ? MaskBytes : 0UL) + length;
        return true;
    }
}
