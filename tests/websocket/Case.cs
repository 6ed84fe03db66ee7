using System.Text;
using static Tertulia.WebSocket.Tests.Frames;

namespace Tertulia.WebSocket.Tests;

/// <summary>One case of the Autobahn test suite, by its number there.</summary>
/// <param name="Id">The number; a letter behind it tells variants of ours apart.</param>
/// <param name="What">In words.</param>
/// <param name="Sends">Each a write of its own.</param>
/// <param name="Expect">What comes, as <see cref="RawClient.NextAsync"/> says it. A case that does not end with <c>close</c> leaves the connection in order, which is checked.</param>
internal sealed record Case(string Id, string What, IReadOnlyList<byte[]> Sends, params string[] Expect)
{
    /// <summary>What the server closes with when the client breaks RFC 6455. The RFC recommends 1002 and 1007 and leaves the choice to the endpoint (7.1.7);
    /// 4500 tells a client of this product more: do not come back (docs/protocol.md).</summary>
    public const string BadFrame = "close 4500";

    /// <summary>What follows the case itself, to see that the connection is in order.</summary>
    public const string Last = "last";

    public override string ToString() => $"{Id} {What}";

    /// <summary>Sections 1 to 7.</summary>
    public static IEnumerable<Case> Framing() => [.. Sizes(), .. PingsAndPongs(), .. ReservedBits(), .. Opcodes(), .. Fragmentation(), .. Closing()];

    private static IEnumerable<Case> Sizes()
    {
        foreach (var (number, size) in new[] { 125, 126, 127, 128, 65_535, 65_536 }.Index())
        {
            yield return new($"1.1.{number + 2}", $"a text of {size} bytes", [Frame(Text, PingText("a", size))], "pong a");
            yield return new($"1.2.{number + 2}", $"a binary message of {size} bytes: this product has none", [Frame(Binary, new byte[size])], BadFrame);
        }

        yield return new("1.1.1", "an empty text: a message, though no JSON", [Frame(Text, [])], "error invalid_json");
        yield return new("1.1.8", "a text of 65,536 bytes in chops of 997", Chopped(Frame(Text, PingText("a", 65_536)), 997), "pong a");
        yield return new("1.2.1", "an empty binary message", [Frame(Binary, [])], BadFrame);
        yield return new("1.2.8", "a binary message in chops: refused by its first byte", [Frame(Binary, new byte[1_000])[..2]], BadFrame);
        yield return new("1.1.2a", "a length in more bytes than it needs, which the RFC forbids the sender and no receiver minds", [Frame(Text, PingText("a", 100), lengthBytes: 8)], "pong a");
    }

    private static IEnumerable<Case> PingsAndPongs()
    {
        var full = Enumerable.Range(1, 125).Select(code => (byte)code).ToArray();
        yield return new("2.1", "a ping without payload", [Frame(Ping, [])], "PONG ");
        yield return new("2.2", "a ping with text", [Frame(Ping, "Hello, world!"u8.ToArray())], "PONG Hello, world!");
        yield return new("2.3", "a ping with bytes that are no UTF-8", [Frame(Ping, [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF])], "PONG \0\u00FF\u00FE\u00FD\u00FC\u00FB\0\u00FF");
        yield return new("2.4", "a ping with 125 bytes", [Frame(Ping, full)], $"PONG {Encoding.Latin1.GetString(full)}");
        yield return new("2.5", "a ping with 126 bytes", [Frame(Ping, new byte[126])], BadFrame);
        yield return new("2.6", "a ping with 125 bytes, byte by byte", Chopped(Frame(Ping, full), 1), $"PONG {Encoding.Latin1.GetString(full)}");
        yield return new("2.7", "a pong that nobody asked for", [Frame(Pong, [])]);
        yield return new("2.8", "a pong with payload that nobody asked for", [Frame(Pong, "unsolicited"u8.ToArray())]);
        yield return new("2.9", "such a pong, then a ping", [Frame(Pong, "unsolicited"u8.ToArray()), Frame(Ping, "p"u8.ToArray())], "PONG p");
        var ten = Enumerable.Range(0, 10).Select(i => Frame(Ping, Encoding.ASCII.GetBytes($"payload-{i}"))).ToArray();
        var answers = Enumerable.Range(0, 10).Select(i => $"PONG payload-{i}").ToArray();
        yield return new("2.10", "ten pings", ten, answers);
        yield return new("2.11", "ten pings, byte by byte", Chopped([.. ten.SelectMany(frame => frame)], 1), answers);
    }

    private static IEnumerable<Case> ReservedBits()
    {
        byte[] after = TextFrame(PingText("b"));
        yield return new("3.1", "RSV3 on a text", [TextFrame(PingText("a"), rsv: 1)], BadFrame);
        yield return new("3.2", "RSV2 on a text after a good one", [TextFrame(PingText("a")), TextFrame(PingText("b"), rsv: 2), Frame(Ping, [])], "pong a", BadFrame);
        yield return new("3.3", "RSV2 and RSV3, all in one write", [[.. TextFrame(PingText("a")), .. TextFrame(PingText("b"), rsv: 3), .. Frame(Ping, [])]], "pong a", BadFrame);
        yield return new("3.4", "RSV1 without compression, byte by byte", [.. Chopped(TextFrame(PingText("a")), 1), .. Chopped(TextFrame(PingText("b"), rsv: 4)[..2], 1)], "pong a", BadFrame);
        yield return new("3.5", "RSV1 and RSV3 on a binary message", [Frame(Binary, [1], rsv: 5), after], BadFrame);
        yield return new("3.6", "RSV1 and RSV2 on a ping", [Frame(Ping, [1], rsv: 6), after], BadFrame);
        yield return new("3.7", "all of them on a close", [Frame(Frames.Close, [], rsv: 7), after], BadFrame);
        yield return new("3.8a", "a frame without a mask", [Frame(Text, PingText("a", 100), masked: false), after], BadFrame);
        yield return new("3.8b", "a ping without a mask", [Frame(Ping, [], masked: false), after], BadFrame);
    }

    private static IEnumerable<Case> Opcodes()
    {
        foreach (var (section, first) in new[] { (1, 3), (2, 11) })
        {
            for (var i = 0; i < 5; i++)
            {
                var opcode = first + i;
                byte[] bad = Frame(opcode, i is 1 or 4 ? "reserved"u8.ToArray() : []);
                yield return i < 2
                    ? new($"4.{section}.{i + 1}", $"opcode {opcode}", [bad], BadFrame)
                    : new($"4.{section}.{i + 1}", $"opcode {opcode} between others", [TextFrame(PingText("a")), bad, Frame(Ping, [])], "pong a", BadFrame);
            }
        }
    }

    private static IEnumerable<Case> Fragmentation()
    {
        var message = Encoding.UTF8.GetBytes(PingText("whole"));
        byte[] first = Frame(Text, message[..10], fin: false), second = Frame(Continuation, message[10..]), middle = Frame(Continuation, message[10..15], fin: false), end = Frame(Continuation, message[15..]);
        byte[] ping = Frame(Ping, "p"u8.ToArray());
        yield return new("5.1", "a ping in two fragments", [Frame(Ping, [1], fin: false), Frame(Continuation, [2])], BadFrame);
        yield return new("5.2", "a pong in two fragments", [Frame(Pong, [1], fin: false), Frame(Continuation, [2])], BadFrame);
        yield return new("5.3", "a text in two fragments", [first, second], "pong whole");
        yield return new("5.4", "… in one write", [[.. first, .. second]], "pong whole");
        yield return new("5.5", "… byte by byte", Chopped([.. first, .. second], 1), "pong whole");
        yield return new("5.6", "a ping between the fragments", [first, ping, second], "PONG p", "pong whole");
        yield return new("5.7", "… in one write", [[.. first, .. ping, .. second]], "PONG p", "pong whole");
        yield return new("5.8", "… byte by byte", Chopped([.. first, .. ping, .. second], 1), "PONG p", "pong whole");
        yield return new("5.9", "a final continuation of nothing", [end, TextFrame(PingText("a"))], BadFrame);
        yield return new("5.10", "… in one write", [[.. end, .. TextFrame(PingText("a"))]], BadFrame);
        yield return new("5.11", "… byte by byte", Chopped(end, 1), BadFrame);
        yield return new("5.12", "a continuation of nothing", [middle, TextFrame(PingText("a"))], BadFrame);
        yield return new("5.13", "… in one write", [[.. middle, .. TextFrame(PingText("a"))]], BadFrame);
        yield return new("5.14", "… byte by byte", Chopped(middle, 1), BadFrame);
        yield return new("5.15", "a text in fragments, then a continuation of nothing", [first, second, middle, TextFrame(PingText("a"))], "pong whole", BadFrame);
        yield return new("5.16", "twice a continuation of nothing, a text in fragments", [middle, TextFrame("x", fin: false), end], BadFrame);
        yield return new("5.17", "… the first one final", [end, TextFrame("x", fin: false), end], BadFrame);
        yield return new("5.18", "two texts, the first not complete", [first, TextFrame(PingText("a"))], BadFrame);
        yield return new("5.19", "pings between many fragments", [first, ping, middle, ping, end], "PONG p", "PONG p", "pong whole");
        yield return new("5.20", "… in one write", [[.. first, .. ping, .. middle, .. ping, .. end]], "PONG p", "PONG p", "pong whole");
        yield return new("5.20a", "empty fragments", [Frame(Text, [], fin: false), Frame(Continuation, [], fin: false), Frame(Continuation, message, fin: false), Frame(Continuation, [])], "pong whole");
        yield return new("5.20b", "a pong between the fragments", [first, Frame(Pong, [1]), second], "pong whole");
    }

    private static IEnumerable<Case> Closing()
    {
        byte[] close = CloseFrame(1000), text = TextFrame(PingText("a")), ping = Frame(Ping, []);
        yield return new("7.1.1", "a message, then a close", [text, close], "pong a", "close 1000");
        yield return new("7.1.2", "two closes", [close, close], "close 1000");
        yield return new("7.1.3", "a ping after the close", [[.. close, .. ping]], "close 1000");
        yield return new("7.1.4", "a text after the close", [[.. close, .. text]], "close 1000");
        yield return new("7.1.5", "a close between two fragments", [[.. TextFrame("x", fin: false), .. close, .. Frame(Continuation, "y"u8.ToArray())]], "close 1000");
        yield return new("7.1.6", "256 KiB, a close, a ping", [[.. Frame(Text, PingText("a", 256 * 1024)), .. close, .. ping]], "pong a", "close 1000");
        yield return new("7.3.1", "a close without a code", [Frame(Frames.Close, [])], "close 1000");
        yield return new("7.3.2", "a close with half a code", [Frame(Frames.Close, [3])], BadFrame);
        yield return new("7.3.3", "a close with a code", [close], "close 1000");
        yield return new("7.3.4", "… and a reason", [CloseFrame(1000, "Hello World!")], "close 1000");
        yield return new("7.3.5", "… and a reason of 123 bytes", [CloseFrame(1000, new string('*', 123))], "close 1000");
        yield return new("7.3.6", "… and a reason of 124 bytes", [CloseFrame(1000, new string('*', 124))], BadFrame);
        yield return new("7.5.1", "a reason that is no UTF-8", [CloseFrame(1000, [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80, 0x65])], BadFrame);
        foreach (var (i, code) in new[] { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014 }.Index())
        {
            yield return new($"7.7.{i + 1}", $"code {code}", [CloseFrame(code)], $"close {code}");
        }

        foreach (var (i, code) in new[] { 0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015 }.Index())
        {
            yield return new($"7.9.{i + 1}", $"code {code}, which nobody may send", [CloseFrame(code)], BadFrame);
        }

        yield return new("7.13.1", "code 5000", [CloseFrame(5000)], BadFrame);
        yield return new("7.13.2", "code 65535", [CloseFrame(65_535)], BadFrame);
    }
}
