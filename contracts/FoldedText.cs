using System.Globalization;
using System.Text;

namespace Tertulia.Contracts;

/// <summary>Text as it is compared: in lower case without accents, whether these were written as characters of their own or not. What is searched, who is
/// mentioned and which words users are told of are all compared by it.</summary>
public static class FoldedText
{
    /// <summary>Characters of a word that count; what comes after them is left out.</summary>
    public const int MaxWordChars = 64;

    /// <summary>A text, with all that is between its words.</summary>
    public static string Of(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text.ToLowerInvariant();
        }

        var folded = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsMark(rune))
            {
                folded.Append(Fold(rune));
            }
        }

        return folded.ToString();
    }

    /// <summary>The words of a text, in their order: runs of letters and digits. A character of Chinese or Japanese is a word of its own: these languages
    /// write no spaces.</summary>
    /// <param name="text">As typed.</param>
    /// <param name="maxWords">Words at most.</param>
    public static List<string> Words(string text, int maxWords)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsMark(rune))
            {
                continue;
            }

            if (!Rune.IsLetterOrDigit(rune))
            {
                End();
            }
            else if (IsIdeograph(rune))
            {
                End();
                word.Append(rune.ToString());
                End();
            }
            else if (word.Length < MaxWordChars)
            {
                word.Append(Fold(rune));
            }

            if (words.Count >= maxWords)
            {
                return words;
            }
        }

        End();
        return words;

        void End()
        {
            if (word.Length > 0 && words.Count < maxWords)
            {
                words.Add(word.ToString());
            }

            word.Clear();
        }
    }

    // An accent that was written as a character of its own.
    private static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark;

    // Lower case, without marks; and the letters that differ from their base letters by more than a mark.
    private static string Fold(Rune rune) => Rune.ToLowerInvariant(rune) switch
    {
        { Value: 'ß' } => "ss",
        { Value: 'æ' or 'ǽ' or 'ǣ' } => "ae",
        { Value: 'œ' } => "oe",
        { Value: 'ø' or 'ǿ' } => "o",
        { Value: 'ł' } => "l",
        { Value: 'đ' or 'ð' } => "d",
        { Value: 'þ' } => "th",
        { Value: 'ı' } => "i",
        { Value: 'ﬁ' } => "fi",
        { Value: 'ﬂ' } => "fl",
        { IsBmp: true } lower => Folding.Of((char)lower.Value).ToString(),
        var lower => lower.ToString(),
    };

    private static bool IsIdeograph(Rune rune) => rune.Value is (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);
}
