using System.Globalization;
using System.IO.Compression;
using System.Text;
using static Tertulia.WebSocket.Tests.Frames;

namespace Tertulia.WebSocket.Tests;

/// <summary>Section 12: compressed messages (RFC 7692). No context is kept between messages in either direction.</summary>
internal static class CompressionCases
{
    private const int Rsv1 = 4;

    public static IEnumerable<Case> All()
    {
        foreach (var (section, kind) in new[] { "repeats itself", "hardly repeats itself", "is random" }.Index())
        {
            foreach (var (i, size) in new[] { 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072 }.Index())
            {
                var many = Enumerable.Range(0, 20).Select(n => n.ToString(CultureInfo.InvariantCulture)).ToArray();
                var messages = many.Select(n => Message(n, size, section)).ToArray();
                string[] expect = [.. many.Select(n => $"pong {n}")];
                yield return new($"12.{section + 1}.{i + 1}", $"20 messages of {size} bytes, text that {kind}", [.. messages.Select(message => Compressed(message))], expect);
                yield return new(
                    $"12.{section + 1}.{i + 10}", $"… in fragments of 256 bytes",
                    [.. messages.Select(message => Fragments(Deflate(message), 256, Rsv1).SelectMany(frame => frame).ToArray())], expect);
            }
        }

        var text = Message("a", 2_000, 1);
        yield return new("12.4.1", "a message in many blocks", [Frame(Text, Deflate(text, flushEvery: 100), rsv: Rsv1)], "pong a");
        yield return new("12.4.2", "a message that was only stored", [Frame(Text, Deflate(text, CompressionLevel.NoCompression), rsv: Rsv1)], "pong a");
        yield return new("12.4.3", "a message in a final block", [Frame(Text, Final(text), rsv: Rsv1)], "pong a");
        yield return new("12.4.4", "an empty message", [Frame(Text, [0x00], rsv: Rsv1)], "error invalid_json");
        yield return new("12.4.5", "a message that is not compressed between such as are", [Compressed(text), Frame(Text, PingText("b", 100)), Compressed(text)], "pong a", "pong b", "pong a");
        yield return new("12.4.6", "a ping between compressed fragments", [Frame(Text, Deflate(text)[..9], fin: false, rsv: Rsv1), Frame(Ping, [1]), Frame(Continuation, Deflate(text)[9..])], "PONG \u0001", "pong a");
        yield return new("12.4.7", "empty fragments", [Frame(Text, [], fin: false, rsv: Rsv1), Frame(Continuation, Deflate(text), fin: false), Frame(Continuation, [])], "pong a");
        yield return new("12.4.8", "RSV1 on a continuation", [Frame(Text, Deflate(text)[..9], fin: false, rsv: Rsv1), Frame(Continuation, Deflate(text)[9..], rsv: Rsv1)], Case.BadFrame);
        yield return new("12.4.9", "RSV1 on a ping", [Frame(Ping, [], rsv: Rsv1)], Case.BadFrame);
        yield return new("12.4.10", "what is not deflated", [Frame(Text, [0xFF, 0xFF, 0xFF, 0xFF], rsv: Rsv1)], Case.BadFrame);
        yield return new("12.4.11", "what is no UTF-8 when it is inflated", [Frame(Text, Deflate([.. "a"u8, 0xED, 0xA0, 0x80]), rsv: Rsv1)], Case.BadFrame);
        yield return new("12.4.12", "17 MiB in 17 KiB", [Frame(Text, Deflate(new byte[17 * 1024 * 1024]), rsv: Rsv1)], "close 1009");
    }

    private static byte[] Compressed(byte[] message) => Frame(Text, Deflate(message), rsv: Rsv1);

    private static byte[] Final(byte[] message)
    {
        using var target = new MemoryStream();
        using (var deflate = new DeflateStream(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflate.Write(message);
        }

        return [.. target.ToArray(), 0x00]; // RFC 7692, 7.2.3.5: an empty block follows a final one.
    }

    private static byte[] Message(string reference, int bytes, int kind)
    {
        var message = PingText(reference, bytes);
        var start = message.AsSpan().LastIndexOf(":\""u8) + 2;
        var random = new Random(bytes);
        for (var i = start; i < message.Length - 2; i++)
        {
            message[i] = kind switch
            {
                0 => message[i],
                1 => "the quick brown fox jumps over the lazy dog "u8[(i + (i / 44 * 7)) % 44],
                _ => (byte)(random.Next(2) == 0 ? random.Next('A', 'Z') : random.Next('a', 'z')),
            };
        }

        return message;
    }
}
