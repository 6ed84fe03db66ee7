using System.Globalization;
using System.Text;
using static Tertulia.WebSocket.Tests.Frames;

namespace Tertulia.WebSocket.Tests;

/// <summary>Sections 9 and 10: sizes up to what a node can be configured to take, and many small messages. Right, not fast: speed is measured in bench.</summary>
internal static class LargeCases
{
    public static IEnumerable<Case> All()
    {
        foreach (var (i, kibibytes) in new[] { 64, 256, 1_024, 4_096, 16_384 }.Index())
        {
            yield return new($"9.1.{i + 1}", $"a text of {kibibytes} KiB", [Frame(Text, PingText("a", kibibytes * 1024))], "pong a");
        }

        yield return new("9.1.6", "a text of one byte more than the limit: refused by its header", [Frame(Text, PingText("a", Servers.MaxMessageBytes + 1))[..14]], "close 1009");
        yield return new("9.1.6a", "… by the fragment that exceeds it", [Frame(Text, new byte[10], fin: false), Frame(Continuation, new byte[Servers.MaxMessageBytes])[..14]], "close 1009");
        yield return new("9.1.6b", "a length with its first bit set", [[0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]], Case.BadFrame);
        foreach (var (i, size) in new[] { 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576 }.Index())
        {
            var message = PingText("a", 1_048_576);
            yield return new($"9.3.{i + 1}", $"1 MiB in fragments of {size} bytes", [[.. Fragments(message, size).SelectMany(frame => frame)]], "pong a");
        }

        foreach (var (i, size) in new[] { 64, 128, 256, 512, 1_024, 2_048 }.Index())
        {
            yield return new($"9.5.{i + 1}", $"256 KiB sent {size} bytes at a time", Chopped(Frame(Text, PingText("a", 262_144)), size), "pong a");
        }

        foreach (var (i, size) in new[] { 0, 16, 64, 256, 1_024, 4_096 }.Index())
        {
            var many = Enumerable.Range(0, 500).Select(n => n.ToString(CultureInfo.InvariantCulture)).ToArray();
            yield return new(
                $"9.7.{i + 1}", $"500 messages with {size} bytes of filling",
                [[.. many.SelectMany(n => Frame(Text, PingText(n, Encoding.UTF8.GetByteCount(PingText(n)) + 10 + size)))]], [.. many.Select(n => $"pong {n}")]);
        }

        yield return new("10.1.1", "65,536 bytes in fragments of 1,300", Fragments(PingText("a", 65_536), 1_300), "pong a");
    }
}
