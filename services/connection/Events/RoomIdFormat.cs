using System.Buffers;

namespace Tertulia.Connections.Events;

/// <summary>What a room id looks like: 1 to 128 characters of <c>A–Z a–z 0–9 _ - : .</c>, and not <c>.</c> or <c>..</c>, which no URL can name (RFC 3986, 5.2.4).</summary>
internal static class RoomIdFormat
{
    public const int MaxChars = 128;

    /// <summary>The rule, for a developer.</summary>
    public const string Rule = "room_id must be 1 to 128 characters of A-Z a-z 0-9 _ - : . and not . or ..";

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:.");

    public static bool IsValid(ReadOnlySpan<char> roomId) => roomId.Length is >= 1 and <= MaxChars && !roomId.ContainsAnyExcept(Allowed) && roomId is not ("." or "..");
}
