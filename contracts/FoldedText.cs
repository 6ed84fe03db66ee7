using System.Globalization;
using System.Text;

namespace Tertulia.Contracts;

/// <summary>Text as it is compared: in lower case without accents, whether these were written as characters of their own or not. What is searched, who is
/// mentioned and which words users are told of are all compared by it.</summary>
public static class FoldedText
{
    /// <summary>Characters of a word that count; what comes after them is left out.</summary>
    public const int MaxWordChars = 64;

    private const int LongestFold = 2; // Characters that one becomes, or a surrogate pair.

    /// <summary>A text, with all that is between its words.</summary>
    public static string Of(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text.ToLowerInvariant();
        }

        var folded = new StringBuilder(text.Length);
        Span<char> letter = stackalloc char[LongestFold];
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsMark(rune))
            {
                folded.Append(letter[..Fold(rune, letter)]);
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
        Span<char> word = stackalloc char[MaxWordChars + LongestFold];
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsMark(rune))
            {
                continue;
            }

            var isLetter = Rune.IsLetterOrDigit(rune);
            if (isLetter && !IsIdeograph(rune))
            {
                length += length < MaxWordChars ? Fold(rune, word[length..]) : 0;
                continue;
            }

            End(words, maxWords, word[..length]);
            length = 0;
            if (isLetter) // An ideograph.
            {
                End(words, maxWords, word[..rune.EncodeToUtf16(word)]);
            }

            if (words.Count >= maxWords)
            {
                return words;
            }
        }

        End(words, maxWords, word[..length]);
        return words;

        static void End(List<string> words, int maxWords, ReadOnlySpan<char> word)
        {
            if (word.Length > 0 && words.Count < maxWords)
            {
                words.Add(word.ToString());
            }
        }
    }

    // An accent that was written as a character of its own.
    private static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark;

    // Lower case, without marks; and the letters that differ from their base letters by more than a mark. The characters that were written.
    private static int Fold(Rune rune, Span<char> into)
    {
        var lower = Rune.ToLowerInvariant(rune);
        if (!lower.IsBmp)
        {
            return lower.EncodeToUtf16(into);
        }

        into[0] = Folding.Of((char)lower.Value);
        var several = lower.Value switch
        {
            'ß' => "ss",
            'æ' or 'ǽ' or 'ǣ' => "ae",
            'œ' => "oe",
            'ø' or 'ǿ' => "o",
            'ł' => "l",
            'đ' or 'ð' => "d",
            'þ' => "th",
            'ı' => "i",
            'ﬁ' => "fi",
            'ﬂ' => "fl",
            _ => "",
        };
        several.CopyTo(into);
        return Math.Max(1, several.Length);
    }

    private static bool IsIdeograph(Rune rune) => rune.Value is (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);
}
