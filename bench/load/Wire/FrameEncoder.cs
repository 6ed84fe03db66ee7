using System.Buffers.Binary;

namespace Tertulia.Load.Wire;

/// <summary>Frames as a client writes them: masked, unfragmented (RFC 6455, 5.2).</summary>
internal static class FrameEncoder
{
    public const byte Text = 0x1;
    public const byte Close = 0x8;
    public const byte Ping = 0x9;
    public const byte Pong = 0xA;
    private const byte Final = 0x80;
    private const byte Masked = 0x80;

    /// <summary>Longest header that is written here: 2, 2 of extended length, 4 of mask.</summary>
    public const int MaxHeader = 8;

    // The mask protects proxies from scripts; a generator need not surprise anyone.
    private static ReadOnlySpan<byte> Mask => [0x5A, 0xC3, 0x17, 0x8E];

    /// <summary>Turns a payload that stands at <see cref="MaxHeader"/> of the buffer into a frame in place.</summary>
    /// <param name="opcode">Opcode.</param>
    /// <param name="buffer">Room for the header, then the payload.</param>
    /// <param name="payload">Payload bytes, at most 65 535.</param>
    /// <returns>The frame, a part of <paramref name="buffer"/>.</returns>
    public static ReadOnlySpan<byte> Frame(byte opcode, Span<byte> buffer, int payload)
    {
        var body = buffer.Slice(MaxHeader, payload);
        for (var i = 0; i < body.Length; i++)
        {
            body[i] ^= Mask[i & 3];
        }

        Mask.CopyTo(buffer[4..]);
        var start = payload < 126 ? 2 : 0;
        buffer[start] = (byte)(Final | opcode);
        if (payload < 126)
        {
            buffer[start + 1] = (byte)(Masked | payload);
        }
        else
        {
            buffer[start + 1] = Masked | 126;
            BinaryPrimitives.WriteUInt16BigEndian(buffer[2..], checked((ushort)payload));
        }

        return buffer[start..(MaxHeader + payload)];
    }
}
