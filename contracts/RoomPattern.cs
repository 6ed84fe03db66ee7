namespace Tertulia.Contracts;

/// <summary>Room ids as tokens name them: <c>*</c> stands for any characters, also none. Every process must understand them alike.</summary>
public static class RoomPattern
{
    /// <summary>All rooms.</summary>
    public const string All = "*";

    /// <summary>It may stand for more than one room.</summary>
    public static bool HasStar(string pattern) => pattern.Contains('*', StringComparison.Ordinal);

    /// <summary>Glob with <c>*</c> only. Linear: the last <c>*</c> takes one more character whenever what follows does not match.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> roomId)
    {
        var (p, r, star, resume) = (0, 0, -1, 0);
        while (r < roomId.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (star, resume) = (p++, r);
            }
            else if (p < pattern.Length && pattern[p] == roomId[r])
            {
                p++;
                r++;
            }
            else if (star >= 0)
            {
                (p, r) = (star + 1, ++resume);
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].Trim('*').IsEmpty;
    }
}
