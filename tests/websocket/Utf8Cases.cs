using System.Text;
using static Tertulia.WebSocket.Tests.Frames;

namespace Tertulia.WebSocket.Tests;

/// <summary>Section 6: texts are UTF-8, and what is not is refused as soon as it shows.</summary>
internal static class Utf8Cases
{
    private const string Greek = "\u03BA\u1F79\u03C3\u03BC\u03B5"; // The word of the suite.

    public static IEnumerable<Case> All() => [.. Fragments(), .. FailFast(), .. Sequences()];

    private static IEnumerable<Case> Fragments()
    {
        var message = Encoding.UTF8.GetBytes(PingText(Greek));
        byte[] bad = PingText([.. Encoding.UTF8.GetBytes(Greek), 0xED, 0xA0, 0x80, .. "edited"u8]);
        yield return new("6.1.1", "an empty text: a message, though no JSON", [Frame(Text, [])], "error invalid_json");
        yield return new("6.1.2", "three empty fragments", [Frame(Text, [], fin: false), Frame(Continuation, [], fin: false), Frame(Continuation, [])], "error invalid_json");
        yield return new("6.1.3", "text between empty fragments", [Frame(Text, [], fin: false), Frame(Continuation, message, fin: false), Frame(Continuation, [])], $"pong {Greek}");
        yield return new("6.2.1", "a text in one frame", [Frame(Text, message)], $"pong {Greek}");
        yield return new("6.2.2", "… in two, cut between characters", [.. Frames.Fragments(message, message.Length - 6)], $"pong {Greek}");
        yield return new("6.2.3", "… in fragments of one byte", [.. Frames.Fragments(message, 1)], $"pong {Greek}");
        yield return new("6.2.4", "… in one write of them", [[.. Frames.Fragments(message, 1).SelectMany(frame => frame)]], $"pong {Greek}");
        yield return new("6.2.5", "… of two bytes, sent byte by byte", Chopped([.. Frames.Fragments(message, 2).SelectMany(frame => frame)], 1), $"pong {Greek}");
        yield return new("6.3.1", "a text that is none", [Frame(Text, bad)], Case.BadFrame);
        yield return new("6.3.2", "… in fragments of one byte", [.. Frames.Fragments(bad, 1)], Case.BadFrame);
    }

    private static IEnumerable<Case> FailFast()
    {
        var good = Encoding.UTF8.GetBytes(Greek);
        byte[] surrogate = [0xED, 0xA0, 0x80], large = [0xF4, 0x90, 0x80, 0x80];
        yield return new("6.4.1", "the second of three fragments is wrong: the third is not waited for", [Frame(Text, good, fin: false), Frame(Continuation, large, fin: false)], Case.BadFrame);
        yield return new("6.4.2", "the second fragment makes the first one's last byte wrong", [Frame(Text, [.. good, 0xF4], fin: false), Frame(Continuation, [0x90], fin: false)], Case.BadFrame);
        yield return new("6.4.3", "a wrong character within a frame: its rest is not waited for", [Frame(Text, [.. good, .. large, .. new byte[100]])[..^100]], Case.BadFrame);
        yield return new("6.4.4", "… known by its second byte", [.. Chopped(Frame(Text, [.. good, .. large, .. new byte[100]])[..^102], 1)], Case.BadFrame);
        yield return new("6.4.4a", "… in a fragment that goes on", [Frame(Text, [.. good, 0xED], fin: false), Frame(Continuation, [.. surrogate[1..], .. new byte[100]], fin: false)[..^101]], Case.BadFrame);
        yield return new("6.4.4b", "a good frame byte by byte, with characters across its mask", Chopped(Frame(Text, Encoding.UTF8.GetBytes(PingText($"{Greek}a\U0001F600{Greek}"))), 1), $"pong {Greek}a\U0001F600{Greek}");
    }

    private static IEnumerable<Case> Sequences()
    {
        (string Section, bool Valid, string[] Bytes)[] groups =
        [
            ("6.5", true, ["CEBAE1BDB9CF83CEBCCEB5", "CEBA", "CEBAE1BDB9", "CEBAE1BDB9CF83", "CEBAE1BDB9CF83CEBC"]),
            ("6.6", false, ["CE", "CEBAE1", "CEBAE1BD", "CEBAE1BDB9CF", "CEBAE1BDB9CF83CE", "CEBAE1BDB9CF83CEBCCE"]),
            ("6.7", true, ["C280", "E0A080", "F0908080"]),
            ("6.8", false, ["F888808080", "FC8480808080"]),
            ("6.9", true, ["7F", "DFBF", "EFBFBF", "F48FBFBF"]),
            ("6.10", false, ["F7BFBFBF", "FBBFBFBFBF", "FDBFBFBFBFBF"]),
            ("6.11", true, ["ED9FBF", "EE8080", "EFBFBD", "F48FBFBF"]),
            ("6.11a", false, ["F4908080"]),
            ("6.12", false, ["80", "BF", "80BF", "80BF80", "80BF80BF", "80BF80BF80", "80BF80BF80BF", string.Concat(Enumerable.Range(0x80, 0x3F).Select(b => $"{b:X2}"))]),
            ("6.13", false, ["C020C120C220", "E020E120EF20", "F020F120F720", "F820F920FA20FB20", "FC20FD20"]),
            ("6.14", false, ["C0", "E080", "F08080", "F8808080", "FC80808080", "DF", "EFBF", "F7BFBF", "FBBFBFBF", "FDBFBFBFBF"]),
            ("6.15", false, ["C0E080F08080F8808080FC80808080DFEFBFF7BFBFFBBFBFBFFDBFBFBFBF"]),
            ("6.16", false, ["FE", "FF", "FEFEFFFF"]),
            ("6.17", false, ["C0AF", "E080AF", "F08080AF", "F8808080AF", "FC80808080AF"]),
            ("6.18", false, ["C1BF", "E09FBF", "F08FBFBF", "F887BFBFBF", "FC83BFBFBFBF"]),
            ("6.19", false, ["C080", "E08080", "F0808080", "F880808080", "FC8080808080"]),
            ("6.20", false, ["EDA080", "EDADBF", "EDAE80", "EDAFBF", "EDB080", "EDBE80", "EDBFBF"]),
            ("6.21", false, ["EDA080EDB080", "EDA080EDBFBF", "EDADBFEDB080", "EDADBFEDBFBF", "EDAE80EDB080", "EDAE80EDBFBF", "EDAFBFEDB080", "EDAFBFEDBFBF"]),
            ("6.22", true, [.. Enumerable.Range(0, 17).SelectMany(plane => new[] { 0xFFFE, 0xFFFF }.Select(last => Convert.ToHexString(Encoding.UTF8.GetBytes(char.ConvertFromUtf32((plane << 16) | last)))))]),
            ("6.23", true, ["EFBBBF", "EFBFB9", "EFBFBA", "EFBFBB", "EFBFBC", "EFBFBD", "EFBFBE", "EFBFBF"]),
        ];
        foreach (var (section, valid, sequences) in groups)
        {
            foreach (var (i, hex) in sequences.Index())
            {
                var bytes = Convert.FromHexString(hex);
                if (valid)
                {
                    yield return new($"{section}.{i + 1}", $"{hex} is text", [Frame(Text, PingText(bytes))], $"pong {Encoding.UTF8.GetString(bytes)}");
                    yield return new($"{section}.{i + 1}f", $"{hex} is text, in fragments of one byte", Frames.Fragments(PingText(bytes), 1), $"pong {Encoding.UTF8.GetString(bytes)}");
                }
                else
                {
                    yield return new($"{section}.{i + 1}", $"{hex} is not text", [Frame(Text, PingText(bytes))], Case.BadFrame);
                    yield return new($"{section}.{i + 1}e", $"{hex} at the end is not text", [Frame(Text, [.. "a"u8, .. bytes])], Case.BadFrame);
                    yield return new($"{section}.{i + 1}f", $"{hex} is not text, in fragments of one byte", Frames.Fragments([.. "a"u8, .. bytes], 1), Case.BadFrame);
                }
            }
        }
    }
}
