using System.Buffers;
using System.Globalization;
using System.Text;

namespace Tertulia.Messages.Reacting;

/// <summary>What a reaction may be: one emoji, or the name of one in colons, for emoji that only an application knows.</summary>
internal static class EmojiText
{
    /// <summary>For a developer.</summary>
    public const string Rule = "emoji must be one emoji or a name in colons (letters, digits, _ + -), 1 to 32 bytes of UTF-8";

    private const int MaxBytes = 32;
    private const int FirstPictograph = 0x1F000; // Blocks of pictographs, those of later versions of Unicode too: https://www.unicode.org/Public/emoji/.
    private const int LastPictograph = 0x1FAFF;
    private const int EmojiVariation = 0xFE0F; // Follows what is a text character otherwise.
    private const int Keycap = 0x20E3;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-");

    /// <summary>Whether a user can react with this.</summary>
    public static bool IsValid(string text) => text.Length is > 0 and <= MaxBytes && Encoding.UTF8.GetByteCount(text) <= MaxBytes && (IsName(text) || IsEmoji(text));

    private static bool IsName(string text) =>
        text is [':', _, .., ':'] && !text.AsSpan(1, text.Length - 2).ContainsAnyExcept(NameCharacters);

    // One character as a reader sees it, whatever it is made of, of which a part is a picture.
    private static bool IsEmoji(string text)
    {
        if (StringInfo.GetNextTextElementLength(text) != text.Length)
        {
            return false;
        }

        var isPicture = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar)
            {
                return false; // Half of a surrogate pair.
            }

            isPicture |= rune.Value is (>= FirstPictograph and <= LastPictograph) or EmojiVariation or Keycap
                || Rune.GetUnicodeCategory(rune) == UnicodeCategory.OtherSymbol;
        }

        return isPicture;
    }
}
