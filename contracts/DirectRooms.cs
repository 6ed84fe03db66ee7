using System.Security.Cryptography;
using System.Text;

namespace Tertulia.Contracts;

/// <summary>The rooms of two users. Fixed for ever: every process must come to the same id.</summary>
public static class DirectRooms
{
    /// <summary>What their ids begin with. Nobody creates a room under such an id by name.</summary>
    public const string Prefix = "dm:";

    private const int DigestBytes = 20; // 160 bits: nobody finds two pairs with the same id.

    /// <summary>The id of two users' room, whoever asks: <c>dm:</c> and the first 20 bytes, in lower-case hex, of the SHA-256 of the smaller user id (compared
    /// byte by byte as UTF-8), a zero byte and the larger one.</summary>
    /// <param name="one">A user id.</param>
    /// <param name="other">Another, or the same: a room of one's own.</param>
    public static string IdOf(string one, string other)
    {
        var (first, second) = (Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));
        if (first.AsSpan().SequenceCompareTo(second) > 0)
        {
            (first, second) = (second, first);
        }

        var digest = SHA256.HashData([.. first, 0, .. second]);
        return Prefix + Convert.ToHexStringLower(digest.AsSpan(0, DigestBytes));
    }

    /// <summary>Whether the id can only be that of a direct room.</summary>
    public static bool IsDirect(string roomId) => roomId.StartsWith(Prefix, StringComparison.Ordinal);
}
