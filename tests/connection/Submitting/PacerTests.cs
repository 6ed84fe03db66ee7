using Microsoft.Extensions.Time.Testing;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class PacerTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(12);

    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(20)] // 50 a second
    [InlineData(9)] // 111 a second
    public void Who_comes_seldom_never_waits(int everyMs)
    {
        var pacer = new Pacer(Longest, _time, Cpu(1));
        for (var item = 0; item < 200; item++)
        {
            Assert.Equal(TimeSpan.Zero, pacer.Left);
            pacer.Took(1);
            _time.Advance(TimeSpan.FromMilliseconds(everyMs));
        }
    }

    [Fact]
    public void Without_a_free_processor_it_begins_once_in_the_longest_delay_and_waits_for_the_rest_of_it_only()
    {
        var pacer = new Pacer(Longest, _time, Cpu(1));
        for (var turn = 0; turn < 50; turn++)
        {
            pacer.Took(4);
            _time.Advance(Longest);
        }

        Assert.Equal(TimeSpan.Zero, pacer.Left);
        pacer.Took(4);
        Assert.Equal(Longest, pacer.Left);
        _time.Advance(TimeSpan.FromMilliseconds(5));
        Assert.Equal(TimeSpan.FromMilliseconds(7), pacer.Left);
    }

    [Theory]
    [InlineData(0.05, 0)]
    [InlineData(Pacer.Calm, 0)]
    [InlineData((Pacer.Calm + Pacer.Full) / 2, 6)]
    [InlineData(Pacer.Full, 12)]
    [InlineData(1, 12)]
    public void The_delay_grows_with_how_busy_the_machine_is(double busy, int delayMs)
    {
        var pacer = new Pacer(Longest, _time, Cpu(busy));
        pacer.Took(1_000);

        Assert.Equal(delayMs, pacer.Left.TotalMilliseconds, 3);
    }

    [Fact]
    public void Who_gathers_waits_for_that_long_at_least_but_only_when_CPU_is_short()
    {
        var gather = TimeSpan.FromMilliseconds(2);
        var pacer = new Pacer(Longest, _time, Cpu(1), gather);
        Assert.Equal(TimeSpan.Zero, pacer.Left);

        pacer.Took(100);
        Assert.Equal(Longest, pacer.Left);
        _time.Advance(2 * Longest);
        Assert.Equal(gather, pacer.Left);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, pacer.Left);

        var calm = new Pacer(Longest, _time, Cpu(0.2), gather);
        calm.Took(1_000);
        _time.Advance(2 * Longest);
        Assert.Equal(TimeSpan.Zero, calm.Left);
    }

    [Fact]
    public void After_a_storm_it_soon_waits_for_nobody()
    {
        var pacer = new Pacer(Longest, _time, Cpu(1));
        pacer.Took(1_000);
        _time.Advance(TimeSpan.FromSeconds(1));
        pacer.Took(1);

        Assert.Equal(TimeSpan.Zero, pacer.Left);
    }

    [Fact]
    public async Task Without_a_delay_it_never_waits()
    {
        var pacer = new Pacer(TimeSpan.Zero, _time, Cpu(1));
        pacer.Took(1_000);

        await pacer.WaitAsync(CancellationToken.None);
    }

    /// <summary>A machine of which this share is always busy.</summary>
    private CpuGauge Cpu(double busy)
    {
        var read = TimeSpan.Zero;
        var cpu = new CpuGauge(() => new CpuTimes((read += TimeSpan.FromSeconds(1)) * busy, read, TimeSpan.Zero), _time);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(busy, cpu.Busy, 6);
        return cpu;
    }
}
