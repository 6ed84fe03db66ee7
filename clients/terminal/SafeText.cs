using System.Globalization;
using System.Text;

namespace Tertulia.Chat;

/// <summary>What others wrote, made harmless for a terminal.</summary>
internal static class SafeText
{
    /// <summary>The text on one line, with a visible mark in place of everything that would move the cursor, change colours, reverse the
    /// direction of what follows or hide: control characters, bidirectional controls, line separators, lone surrogates.</summary>
    public static string Of(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == '\n')
            {
                safe.Append(" ⏎ ");
            }
            else if (rune.Value == '\t')
            {
                safe.Append(' ');
            }
            else if (Rune.IsControl(rune) || IsTrick(rune))
            {
                safe.Append('\uFFFD');
            }
            else
            {
                safe.Append(rune);
            }
        }

        return safe.ToString();
    }

    private static bool IsTrick(Rune rune) => rune.Value is (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) or 0x200E or 0x200F
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse;
}
