using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Tertulia.Connections.Events;

namespace Tertulia.Connections.Doors.Native;

/// <summary>RFC 6455, 11.8.</summary>
internal enum WebSocketOpcode : byte
{
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// <summary>The bytes of WebSocket frames (RFC 6455, 5.2): headers, control frames, masking.</summary>
internal static class WebSocketFrames
{
    /// <summary>Payload of a control frame at most (RFC 6455, 5.5).</summary>
    public const int MaxControlBytes = 125;

    /// <summary>UTF-8 bytes of a close reason: 125 of a control frame less 2 of the code (RFC 6455, 5.5).</summary>
    public const int MaxReasonBytes = MaxControlBytes - 2;

    private const byte Final = 0x80;
    private const byte Rsv1 = 0x40;

    /// <summary>A complete, final, unmasked frame.</summary>
    public static byte[] Make(WebSocketOpcode opcode, ReadOnlySpan<byte> payload, bool compressed = false)
    {
        var headerBytes = HeaderBytes(payload.Length);
        var frame = GC.AllocateUninitializedArray<byte>(headerBytes + payload.Length);
        WriteHeader(frame, opcode, payload.Length, compressed);
        payload.CopyTo(frame.AsSpan(headerBytes));
        return frame;
    }

    /// <summary>The payload of a complete, unmasked frame.</summary>
    public static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> frame) => frame[((frame[1] & 0x7F) switch { 126 => 4, 127 => 10, _ => 2 })..];

    /// <summary>A close, ping or pong.</summary>
    public static bool IsControl(ReadOnlySpan<byte> frame) => (frame[0] & 0x08) != 0;

    /// <summary>Bytes of an unmasked header.</summary>
    public static int HeaderBytes(int payloadBytes) => payloadBytes switch
    {
        <= 125 => 2,
        <= ushort.MaxValue => 4,
        _ => 10,
    };

    /// <summary>Writes the header of a final, unmasked frame.</summary>
    public static void WriteHeader(Span<byte> target, WebSocketOpcode opcode, int payloadBytes, bool compressed)
    {
        target[0] = (byte)(Final | (compressed ? Rsv1 : 0) | (byte)opcode);
        switch (HeaderBytes(payloadBytes))
        {
            case 2:
                target[1] = (byte)payloadBytes;
                break;
            case 4:
                target[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)payloadBytes);
                break;
            default:
                target[1] = 127;
                BinaryPrimitives.WriteUInt64BigEndian(target[2..], (ulong)payloadBytes);
                break;
        }
    }

    /// <summary>A close frame. A reason that is too long is cut between two characters.</summary>
    public static byte[] Close(CloseCode code, string reason)
    {
        Span<byte> payload = stackalloc byte[MaxControlBytes];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetEncoder().Convert(reason, payload[2..], flush: true, out _, out var reasonBytes, out _);
        return Make(WebSocketOpcode.Close, payload[..(2 + reasonBytes)]);
    }

    /// <summary>Reads a close frame's payload.</summary>
    /// <param name="payload">Unmasked.</param>
    /// <param name="code">What to answer: the peer's code, 1000 when it gave none.</param>
    /// <returns>False when the code or the reason is not allowed (RFC 6455, 7.4).</returns>
    public static bool TryReadClose(ReadOnlySpan<byte> payload, out CloseCode code)
    {
        code = CloseCode.Normal;
        if (payload.IsEmpty)
        {
            return true;
        }

        if (payload.Length == 1)
        {
            return false;
        }

        code = (CloseCode)BinaryPrimitives.ReadUInt16BigEndian(payload);
        return (int)code is (>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999)
            && System.Text.Unicode.Utf8.IsValid(payload[2..]);
    }

    /// <summary>The mask for what lies so many bytes behind a payload's start.</summary>
    public static uint MaskAt(uint mask, int offset)
    {
        var bits = 8 * (offset & 3);
        return BitConverter.IsLittleEndian ? BitOperations.RotateRight(mask, bits) : BitOperations.RotateLeft(mask, bits);
    }

    /// <summary>Applies the mask in place (RFC 6455, 5.3).</summary>
    /// <param name="payload">Its first byte takes the mask's first.</param>
    /// <param name="mask">The four bytes as they lie in the frame, read as one number in the machine's byte order.</param>
    public static void Unmask(Span<byte> payload, uint mask)
    {
        var words = MemoryMarshal.Cast<byte, Vector<uint>>(payload);
        var vector = new Vector<uint>(mask);
        foreach (ref var word in words)
        {
            word ^= vector;
        }

        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        MemoryMarshal.Write(bytes, mask);
        for (var i = words.Length * Vector<byte>.Count; i < payload.Length; i++)
        {
            payload[i] ^= bytes[i & 3];
        }
    }
}
