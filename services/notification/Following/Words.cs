namespace Tertulia.Notifications.Following;

/// <summary>Words of a text, and whom it mentions.</summary>
internal static class Words
{
    private const int MaxWords = 2_000;
    private const int MaxWordChars = 40;
    private const int MaxNames = 50;
    private const int MaxNameChars = 128;

    /// <summary>As names and words are compared.</summary>
    public static string Fold(string text) => text.ToLowerInvariant();

    /// <summary>The words, folded, each once: runs of letters, digits and <c>_</c>, the longest ones left out.</summary>
    public static IReadOnlyList<string> Of(string text)
    {
        var words = new HashSet<string>(StringComparer.Ordinal);
        for (var start = 0; start < text.Length && words.Count < MaxWords;)
        {
            if (!IsWord(text[start]))
            {
                start++;
                continue;
            }

            var end = start;
            while (end < text.Length && IsWord(text[end]))
            {
                end++;
            }

            if (end - start <= MaxWordChars)
            {
                words.Add(Fold(text[start..end]));
            }

            start = end;
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
            else if (text[at] == '@' && (at == 0 || !IsWord(text[at - 1])) && NameAt(text, at + 1) is { Length: > 0 and <= MaxNameChars } name)
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

    private static string NameAt(string text, int start)
    {
        if (start < text.Length && text[start] == '<')
        {
            var close = text.IndexOf('>', start);
            return close > start ? text[(start + 1)..close] : "";
        }

        var end = start;
        while (end < text.Length && (IsWord(text[end]) || text[end] is '-' or '.' or ':'))
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
