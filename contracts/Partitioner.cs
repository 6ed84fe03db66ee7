using System.Text;

namespace Tertulia.Contracts;

/// <summary>Which partition a room belongs to. Fixed for ever: every process must come to the same answer.</summary>
public static class Partitioner
{
    /// <summary>Partitions of a cluster unless configured otherwise. The number is part of a cluster's identity: change it only when all queues are empty.</summary>
    public const int DefaultPartitions = 16;

    // FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ (offset basis and prime as published).
    private const uint OffsetBasis = 2_166_136_261;
    private const uint Prime = 16_777_619;

    /// <summary>FNV-1a (32 bits) of the room id's UTF-8 bytes, modulo the number of partitions.</summary>
    /// <param name="roomId">1 to 128 ASCII characters.</param>
    /// <param name="partitions">At least 1.</param>
    /// <returns>0 to <paramref name="partitions"/> - 1.</returns>
    public static int PartitionOf(string roomId, int partitions)
    {
        Span<byte> utf8 = stackalloc byte[Encoding.UTF8.GetMaxByteCount(Math.Min(roomId.Length, 256))];
        var length = Encoding.UTF8.GetBytes(roomId.AsSpan(0, Math.Min(roomId.Length, 256)), utf8);
        var hash = OffsetBasis;
        foreach (var b in utf8[..length])
        {
            hash = (hash ^ b) * Prime;
        }

        return (int)(hash % (uint)partitions);
    }
}
