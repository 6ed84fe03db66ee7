using Tertulia.Load.Soaking;

namespace Tertulia.Load.Tests;

/// <summary>The soak's verdict on a process's memory.</summary>
public sealed class MemoryTrendTests
{
    private const long Mebibyte = 1 << 20;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    [Fact]
    public void What_grows_all_the_time_is_not_flat()
    {
        // 1 MiB every 10 seconds are 360 MiB an hour.
        var trend = MemoryTrend.Of([.. Enumerable.Range(0, 100).Select(sample => (100 + sample) * Mebibyte)], Every);

        Assert.False(trend.IsFlat);
        Assert.Equal(360, trend.GrowthPerHour / Mebibyte, precision: 6);
    }

    [Fact]
    public void What_grew_while_it_warmed_up_is_flat()
    {
        var trend = MemoryTrend.Of([.. Enumerable.Range(0, 100).Select(sample => Math.Min(150, 100 + (2 * sample)) * Mebibyte)], Every);

        Assert.True(trend.IsFlat);
        Assert.Equal(150 * Mebibyte, trend.MeanBytes);
    }

    [Fact]
    public void A_saw_tooth_is_flat()
    {
        var trend = MemoryTrend.Of([.. Enumerable.Range(0, 200).Select(sample => (100 + (sample % 10)) * Mebibyte)], Every);

        Assert.True(trend.IsFlat);
    }
}
