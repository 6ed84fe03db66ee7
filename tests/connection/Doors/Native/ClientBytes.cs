using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>Frames as a client sends them: masked. Written without the code under test.</summary>
internal static class ClientBytes
{
    private static readonly byte[] Mask = [0x37, 0xFA, 0x21, 0x3D];

    public static byte[] Text(string text, bool final = true, bool compressed = false) =>
        Frame(WebSocketOpcode.Text, Encoding.UTF8.GetBytes(text), final, compressed ? 0x40 : 0);

    public static byte[] Continuation(ReadOnlySpan<byte> payload, bool final) => Frame(WebSocketOpcode.Continuation, payload, final);

    public static byte[] Close(int code, string reason = "")
    {
        var payload = new byte[2 + Encoding.UTF8.GetByteCount(reason)];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetBytes(reason, payload.AsSpan(2));
        return Frame(WebSocketOpcode.Close, payload);
    }

    public static byte[] Frame(WebSocketOpcode opcode, ReadOnlySpan<byte> payload, bool final = true, int rsv = 0, bool masked = true)
    {
        var bytes = new List<byte> { (byte)((final ? 0x80 : 0) | rsv | (int)opcode) };
        var maskBit = masked ? 0x80 : 0;
        if (payload.Length <= 125)
        {
            bytes.Add((byte)(maskBit | payload.Length));
        }
        else if (payload.Length <= ushort.MaxValue)
        {
            bytes.AddRange([(byte)(maskBit | 126), (byte)(payload.Length >> 8), (byte)payload.Length]);
        }
        else
        {
            bytes.Add((byte)(maskBit | 127));
            for (var shift = 56; shift >= 0; shift -= 8)
            {
                bytes.Add((byte)((long)payload.Length >> shift));
            }
        }

        if (masked)
        {
            bytes.AddRange(Mask);
        }

        for (var i = 0; i < payload.Length; i++)
        {
            bytes.Add((byte)(payload[i] ^ (masked ? Mask[i % 4] : 0)));
        }

        return [.. bytes];
    }

    /// <summary>What a client without context takeover sends for a text.</summary>
    public static byte[] Deflate(ReadOnlySpan<byte> text)
    {
        using var target = new MemoryStream();
        using var deflate = new DeflateStream(target, CompressionLevel.SmallestSize);
        deflate.Write(text);
        deflate.Flush();
        return target.ToArray()[..^4];
    }
}
