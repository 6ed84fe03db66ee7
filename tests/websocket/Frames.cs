using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Tertulia.WebSocket.Tests;

/// <summary>The bytes that a client sends: right ones, and wrong ones.</summary>
internal static class Frames
{
    public const int Continuation = 0x0;
    public const int Text = 0x1;
    public const int Binary = 0x2;
    public const int Close = 0x8;
    public const int Ping = 0x9;
    public const int Pong = 0xA;

    /// <summary>One frame (RFC 6455, 5.2).</summary>
    /// <param name="opcode">4 bits.</param>
    /// <param name="payload">Unmasked.</param>
    /// <param name="fin">The last of its message.</param>
    /// <param name="rsv">The three reserved bits: 4 is RSV1.</param>
    /// <param name="masked">As a client has to.</param>
    /// <param name="lengthBytes">0, 2 or 8 bytes of extended length; null: the fewest.</param>
    public static byte[] Frame(int opcode, byte[] payload, bool fin = true, int rsv = 0, bool masked = true, int? lengthBytes = null)
    {
        var extended = lengthBytes ?? (payload.Length <= 125 ? 0 : payload.Length <= ushort.MaxValue ? 2 : 8);
        var frame = new byte[2 + extended + (masked ? 4 : 0) + payload.Length];
        frame[0] = (byte)((fin ? 0x80 : 0) | (rsv << 4) | opcode);
        frame[1] = (byte)((masked ? 0x80 : 0) | (extended switch { 0 => payload.Length, 2 => 126, _ => 127 }));
        if (extended == 2)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        }
        else if (extended == 8)
        {
            BinaryPrimitives.WriteUInt64BigEndian(frame.AsSpan(2), (ulong)payload.Length);
        }

        var body = frame.AsSpan(frame.Length - payload.Length);
        payload.CopyTo(body);
        if (masked)
        {
            ReadOnlySpan<byte> mask = [0x37, 0xFA, 0x21, 0x3D]; // Of the RFC's example.
            mask.CopyTo(frame.AsSpan(2 + extended));
            for (var i = 0; i < body.Length; i++)
            {
                body[i] ^= mask[i & 3];
            }
        }

        return frame;
    }

    public static byte[] TextFrame(string text, bool fin = true, int rsv = 0) => Frame(Text, Encoding.UTF8.GetBytes(text), fin, rsv);

    public static byte[] CloseFrame(int code, string reason = "") => CloseFrame(code, Encoding.UTF8.GetBytes(reason));

    public static byte[] CloseFrame(int code, byte[] reason) => Frame(Close, [(byte)(code >> 8), (byte)code, .. reason]);

    /// <summary>A message that the server answers with its <c>ref</c>.</summary>
    public static string PingText(string reference) => $$"""{"type":"ping","ref":"{{reference}}"}""";

    /// <summary>The same with a filling, so that it has a given length.</summary>
    public static byte[] PingText(string reference, int bytes)
    {
        var start = $$"""{"type":"ping","ref":"{{reference}}","pad":""" + "\"";
        return Encoding.UTF8.GetBytes(start + new string('x', bytes - start.Length - 2) + "\"}");
    }

    /// <summary>The same with these bytes as its <c>ref</c>.</summary>
    public static byte[] PingText(byte[] reference) => [.. """{"type":"ping","ref":" """.TrimEnd().Select(letter => (byte)letter), .. reference, (byte)'"', (byte)'}'];

    /// <summary>A message in frames of at most so many bytes.</summary>
    public static byte[][] Fragments(byte[] message, int size, int rsv = 0) =>
    [
        .. message.Chunk(size).Select((piece, i) => Frame(i == 0 ? Text : Continuation, piece, fin: (i + 1) * size >= message.Length, rsv: i == 0 ? rsv : 0)),
    ];

    /// <summary>Sent so many bytes at a time.</summary>
    public static byte[][] Chopped(byte[] bytes, int size) => [.. bytes.Chunk(size)];

    /// <summary>As <c>permessage-deflate</c> wants it (RFC 7692, 7.2.1): without the end of its last, empty block.</summary>
    public static byte[] Deflate(byte[] message, CompressionLevel level = CompressionLevel.Fastest, int flushEvery = int.MaxValue)
    {
        using var target = new MemoryStream();
        using var deflate = new DeflateStream(target, level, leaveOpen: true);
        foreach (var piece in message.Length == 0 ? [[]] : message.Chunk(Math.Min(flushEvery, message.Length)))
        {
            deflate.Write(piece);
            deflate.Flush();
        }

        var bytes = target.ToArray();
        return bytes.AsSpan().EndsWith((ReadOnlySpan<byte>)[0x00, 0x00, 0xFF, 0xFF]) ? bytes[..^4] : bytes.Length == 0 ? [0x00] : bytes;
    }
}
