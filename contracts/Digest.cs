using System.Text;

namespace Tertulia.Contracts;

/// <summary>A number for the whole of what a node holds: nodes and presence replicas that hold the same pairs have the same sum.</summary>
/// <remarks>The digest of a set is the sum, modulo 2^64, of <see cref="Of"/> over its pairs: an entry is added and taken away without
/// looking at the others, and the order does not matter. It finds accidents, it is no protection against a forger.</remarks>
public static class Digest
{
    // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ (offset basis and prime as published).
    private const ulong OffsetBasis = 14_695_981_039_346_656_037;
    private const ulong Prime = 1_099_511_628_211;

    /// <summary>Digest of one (connection, room) pair: FNV-1a (64 bits) over the UTF-8 of the connection id, a zero byte and the room id,
    /// then the finalizer of SplitMix64, because a sum of bare FNV values hides too many differences.</summary>
    /// <param name="connectionId">At most 128 characters.</param>
    /// <param name="roomId">At most 128 characters; empty for the connection itself.</param>
    public static ulong Of(string connectionId, string roomId)
    {
        var hash = Add(OffsetBasis, connectionId);
        hash = Add(hash * Prime, roomId); // The zero byte: a xor with 0 leaves only the multiplication.

        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9UL;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBUL;
        return hash ^ (hash >> 31);
    }

    /// <summary>Digest of a device that is away. No room has such an id.</summary>
    public static ulong OfAway(string connectionId) => Of(connectionId, "~away");

    /// <summary>Digest of the room that a device shows. No connection has such an id.</summary>
    public static ulong OfFocused(string connectionId, string roomId) => Of($"~{connectionId}", roomId);

    /// <summary>Digest of a user whom sessions of the node watch. No connection has such an id.</summary>
    public static ulong OfWatched(string userId) => Of("~watched", userId);

    /// <summary>Digest of a room of which the node says that it is an auditorium. No connection has such an id.</summary>
    public static ulong OfAuditorium(string roomId) => Of("~auditorium", roomId);

    private static ulong Add(ulong hash, string text)
    {
        Span<byte> utf8 = stackalloc byte[Encoding.UTF8.GetMaxByteCount(128)];
        var length = Encoding.UTF8.GetBytes(text, utf8);
        foreach (var b in utf8[..length])
        {
            hash = (hash ^ b) * Prime;
        }

        return hash;
    }
}
