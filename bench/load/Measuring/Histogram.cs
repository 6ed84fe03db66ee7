using System.Numerics;

namespace Tertulia.Load.Measuring;

/// <summary>Durations in nanoseconds, each kept to within 1.6 %.</summary>
internal sealed class Histogram
{
    private const int SubBits = 6;
    private readonly long[] _counts = new long[(64 - SubBits) << SubBits];

    /// <summary>Durations recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The longest one, exact.</summary>
    public long Max { get; private set; }

    /// <summary>Adds one; a negative one counts as 0.</summary>
    public void Record(long nanoseconds)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        _counts[IndexOf(nanoseconds)]++;
        Count++;
        Max = Math.Max(Max, nanoseconds);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_counts);
        Count = Max = 0;
    }

    /// <summary>The duration that this share of all does not exceed, in milliseconds; 0 when there are none.</summary>
    /// <param name="share">0 to 1.</param>
    public double Milliseconds(double share)
    {
        var rank = (long)Math.Ceiling(share * Count);
        for (var (index, seen) = (0, 0L); index < _counts.Length; index++)
        {
            seen += _counts[index];
            if (seen >= rank && seen > 0)
            {
                return Math.Min(UpperBound(index), Max) / 1e6;
            }
        }

        return 0;
    }

    // Below 2^6 one bucket per nanosecond; above, 2^6 equal buckets per power of two.
    private static int IndexOf(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value) - SubBits);
        return shift == 0 ? (int)value : (shift << SubBits) + (int)(value >> shift);
    }

    private static long UpperBound(int index)
    {
        if (index < 2 << SubBits)
        {
            return index;
        }

        var shift = (index >> SubBits) - 1;
        return (((long)index - ((long)shift << SubBits) + 1) << shift) - 1;
    }
}
