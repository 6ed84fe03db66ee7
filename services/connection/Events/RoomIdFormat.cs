using System.Buffers;

namespace Tertulia.Connections.Events;

/// <summary>What a room id looks like: 1 to 128 characters of <c>A–Z a–z 0–9 _ - : .</c>.</summary>
internal static class RoomIdFormat
{
    public const int MaxChars = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:.");

    public static bool IsValid(ReadOnlySpan<char> roomId) => roomId.Length is >= 1 and <= MaxChars && !roomId.ContainsAnyExcept(Allowed);
}
