namespace Tertulia.Load.Soaking;

/// <summary>Whether a process's memory goes on growing: a line through its second half, by least squares.</summary>
/// <param name="MeanBytes">Of the second half.</param>
/// <param name="GrowthPerHour">Slope of the line, bytes an hour.</param>
internal sealed record MemoryTrend(long MeanBytes, double GrowthPerHour)
{
    /// <summary>What is kept for each message of the run is no leak as long as it is this small a share of the process, an hour.</summary>
    private const double FlatShare = 0.10;

    /// <summary>Below a tenth of the process an hour.</summary>
    public bool IsFlat => GrowthPerHour <= FlatShare * MeanBytes;

    /// <param name="samples">Bytes, equally far from each other.</param>
    /// <param name="every">How far.</param>
    public static MemoryTrend Of(IReadOnlyList<long> samples, TimeSpan every)
    {
        long[] half = [.. samples.Skip(samples.Count / 2)];
        var (meanX, meanY) = ((half.Length - 1) / 2.0, half.Average());
        var (covariance, variance) = (0.0, 0.0);
        for (var i = 0; i < half.Length; i++)
        {
            covariance += (i - meanX) * (half[i] - meanY);
            variance += (i - meanX) * (i - meanX);
        }

        return new MemoryTrend((long)meanY, variance == 0 ? 0 : covariance / variance * (TimeSpan.FromHours(1) / every));
    }
}
