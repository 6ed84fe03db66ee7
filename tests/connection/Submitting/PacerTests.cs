using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class PacerTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(12);

    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(20)] // 50 a second
    [InlineData(6)] // 167 a second
    public void Who_comes_seldom_never_waits(int everyMs)
    {
        var pacer = new Pacer(Interval, _time);
        for (var item = 0; item < 200; item++)
        {
            Assert.Equal(TimeSpan.Zero, pacer.Left);
            pacer.Took(1);
            _time.Advance(TimeSpan.FromMilliseconds(everyMs));
        }
    }

    [Fact]
    public void Under_load_it_begins_once_in_an_interval_and_waits_for_the_rest_of_it_only()
    {
        var pacer = new Pacer(Interval, _time);
        for (var turn = 0; turn < 50; turn++)
        {
            pacer.Took(4);
            _time.Advance(Interval);
        }

        Assert.Equal(TimeSpan.Zero, pacer.Left);
        pacer.Took(4);
        Assert.Equal(Interval, pacer.Left);
        _time.Advance(TimeSpan.FromMilliseconds(5));
        Assert.Equal(TimeSpan.FromMilliseconds(7), pacer.Left);
    }

    [Fact]
    public void Who_gathers_waits_for_that_long_at_least_but_only_under_load()
    {
        var gather = TimeSpan.FromMilliseconds(2);
        var pacer = new Pacer(Interval, _time, gather);
        Assert.Equal(TimeSpan.Zero, pacer.Left);

        pacer.Took(100);
        Assert.Equal(Interval, pacer.Left);
        _time.Advance(2 * Interval);
        Assert.Equal(gather, pacer.Left);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, pacer.Left);
    }

    [Fact]
    public void After_a_storm_it_soon_waits_for_nobody()
    {
        var pacer = new Pacer(Interval, _time);
        pacer.Took(1_000);
        _time.Advance(TimeSpan.FromSeconds(1));
        pacer.Took(1);

        Assert.Equal(TimeSpan.Zero, pacer.Left);
    }

    [Fact]
    public async Task Without_an_interval_it_never_waits()
    {
        var pacer = new Pacer(TimeSpan.Zero, _time);
        pacer.Took(1_000);

        await pacer.WaitAsync(CancellationToken.None);
    }
}
