using Tertulia.Load.Measuring;

namespace Tertulia.Load.Tests;

public sealed class HistogramTests
{
    [Fact]
    public void A_percentile_is_the_duration_that_the_share_does_not_exceed()
    {
        var histogram = new Histogram();

        for (var milliseconds = 1; milliseconds <= 1000; milliseconds++)
        {
            histogram.Record(milliseconds * 1_000_000L);
        }

        Assert.InRange(histogram.Milliseconds(0.5), 500, 508);
        Assert.InRange(histogram.Milliseconds(0.99), 990, 1000);
        Assert.Equal(1000, histogram.Milliseconds(1));
        Assert.Equal(1_000_000_000, histogram.Max);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(129)]
    [InlineData(1_000_003)]
    [InlineData(3_600_000_000_000)]
    public void A_duration_is_kept_to_within_one_sixtyfourth(long nanoseconds)
    {
        var histogram = new Histogram();

        histogram.Record(nanoseconds);
        histogram.Record(long.MaxValue / 2);

        Assert.InRange(histogram.Milliseconds(0.5) * 1e6, nanoseconds, nanoseconds * (1 + 1 / 64.0));
    }

    [Fact]
    public void Without_durations_every_percentile_is_zero() => Assert.Equal(0, new Histogram().Milliseconds(0.99));
}
