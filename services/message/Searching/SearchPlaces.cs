namespace Tertulia.Messages.Searching;

/// <summary>Where a message stands among all: by its time, and within a millisecond by its room and seq.</summary>
internal static class SearchPlaces
{
    private const int Bits = 20; // Of a place below the time: messages of one millisecond.

    /// <summary>The place that a message wants; when it is taken, the next one that is free.</summary>
    public static long Of(SearchDocument document) =>
        (document.CreatedAtMs << Bits) | (((Fnv(document.RoomId) * 31) + document.Seq) & ((1 << Bits) - 1));

    /// <summary>The first place of a time.</summary>
    public static long FirstOf(long unixMs) => unixMs << Bits;

    private static uint Fnv(string text)
    {
        var hash = 2_166_136_261u;
        foreach (var character in text)
        {
            hash = (hash ^ character) * 16_777_619u;
        }

        return hash;
    }
}
