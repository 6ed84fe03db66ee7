using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Following;

/// <summary>Words of a text, and whom it mentions.</summary>
internal static class Words
{
    private const int MaxWords = 2_000;
    private const int MaxWordChars = 80; // Of a keyword of 40 letters, each with an accent of its own.
    private const int MaxNames = 50;
    private const int MaxNameChars = 128;

    /// <summary>A name or a word as it may be stored: folded, or in lower case only, as it was kept before.</summary>
    public static IEnumerable<string> FormsOf(string text)
    {
        var (folded, lower) = (FoldedText.Of(text), text.ToLowerInvariant());
        return folded.Length == 0 ? [] : folded == lower ? [folded] : [folded, lower];
    }

    /// <summary>Whether a text is one word.</summary>
    public static bool IsOne(string text) => text.Length > 0 && EndOfWord(text, 0) == text.Length && FoldedText.Of(text).Length > 0;

    /// <summary>The words in each of their forms, each once: runs of letters, digits and <c>_</c>, the longest ones left out.</summary>
    public static IReadOnlyList<string> Of(string text)
    {
        var words = new HashSet<string>(StringComparer.Ordinal);
        for (var start = 0; start < text.Length && words.Count < MaxWords;)
        {
            var end = EndOfWord(text, start);
            if (end - start is > 0 and <= MaxWordChars)
            {
                words.UnionWith(FormsOf(text[start..end]));
            }

            start = Math.Max(end, start + 1);
        }

        return [.. words];
    }

    /// <summary>Names after an <c>@</c> that begins a word, outside of code between backticks, each once, in their order: of letters, digits and <c>_ - . :</c>, which
    /// do not end one, or anything in <c>@&lt;…&gt;</c>.</summary>
    public static IReadOnlyList<string> Mentions(string text)
    {
        List<string> names = [];
        for (var at = 0; at < text.Length && names.Count < MaxNames; at++)
        {
            if (text[at] == '`')
            {
                at = EndOfCode(text, at);
            }
            else if (text[at] == '@' && !IsAfterWord(text, at) && NameAt(text, at + 1) is { Length: > 0 and <= MaxNameChars } name)
            {
                if (!names.Contains(name, StringComparer.Ordinal))
                {
                    names.Add(name);
                }

                at += name.Length;
            }
        }

        return names;
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_' || char.IsSurrogate(c);

    // An accent that was written as a character of its own, after the letter; not what chooses between two looks of a character.
    private static bool IsMark(char c) =>
        char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark && c is not (>= '\uFE00' and <= '\uFE0F');

    private static bool IsAfterWord(string text, int at)
    {
        do
        {
            at--;
        }
        while (at >= 0 && IsMark(text[at]));

        return at >= 0 && IsWord(text[at]);
    }

    private static int EndOfWord(string text, int start)
    {
        var end = start;
        while (end < text.Length && (IsWord(text[end]) || (end > start && IsMark(text[end]))))
        {
            end++;
        }

        return end;
    }

    private static string NameAt(string text, int start)
    {
        if (start < text.Length && text[start] == '<')
        {
            var close = text.IndexOf('>', start);
            return close > start ? text[(start + 1)..close] : "";
        }

        var end = start;
        while (end < text.Length && (IsWord(text[end]) || text[end] is '-' or '.' or ':' || (end > start && IsMark(text[end]))))
        {
            end++;
        }

        while (end > start && text[end - 1] is ('-' or '.' or ':'))
        {
            end--;
        }

        return text[start..end];
    }

    /// <returns>The last backtick of the code that begins here, or of the run that begins none.</returns>
    private static int EndOfCode(string text, int start)
    {
        var ticks = 1;
        while (start + ticks < text.Length && text[start + ticks] == '`')
        {
            ticks++;
        }

        var close = text.IndexOf(new string('`', ticks), start + ticks, StringComparison.Ordinal);
        return (close < 0 ? start : close) + ticks - 1;
    }
}
