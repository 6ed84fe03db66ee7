using Microsoft.Extensions.Time.Testing;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class CpuGaugeTests
{
    private readonly FakeTimeProvider _time = new();
    private CpuTimes _times;

    [Fact]
    public void The_first_reading_counts_whole_and_later_ones_are_smoothed()
    {
        var gauge = new CpuGauge(() => _times, _time);
        Pass(TimeSpan.FromSeconds(2), machine: 0.5, own: 0);
        Assert.Equal(0.5, gauge.Busy, 3);

        Pass(CpuGauge.Interval, machine: 1, own: 0);
        Assert.Equal(0.7, gauge.Busy, 3);
        for (var reading = 0; reading < 20; reading++)
        {
            Pass(CpuGauge.Interval, machine: 1, own: 0);
            _ = gauge.Busy;
        }

        Assert.Equal(1, gauge.Busy, 3);
    }

    [Fact]
    public void Between_two_intervals_nothing_is_read()
    {
        var readings = 0;
        var gauge = new CpuGauge(() => { readings++; return _times; }, _time);
        for (var ask = 0; ask < 1_000; ask++)
        {
            _ = gauge.Busy;
        }

        Assert.Equal(1, readings); // At its start.
    }

    [Fact]
    public void A_process_that_uses_all_it_may_have_is_busy_on_an_idle_machine()
    {
        var gauge = new CpuGauge(() => _times, _time);
        Pass(TimeSpan.FromSeconds(2), machine: 0.1, own: Environment.ProcessorCount);

        Assert.Equal(1, gauge.Busy, 3);
    }

    [Fact]
    public void Idle_time_and_time_of_waiting_for_disks_are_not_busy_and_guests_count_once()
    {
        var times = CpuGauge.Parse("cpu  100 10 40 700 50 5 5 90 33 44\ncpu0 1 1 1 1 1 1 1 1 1 1\n"u8, TimeSpan.FromSeconds(3));

        Assert.Equal(new CpuTimes(TimeSpan.FromSeconds(2.5), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(3)), times);
    }

    [Fact]
    public void A_machine_that_tells_nothing_is_idle() =>
        Assert.Equal(new CpuTimes(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero), CpuGauge.Parse("nothing"u8, TimeSpan.Zero));

    private void Pass(TimeSpan elapsed, double machine, double own)
    {
        _time.Advance(elapsed);
        _times = new CpuTimes(_times.Busy + (elapsed * machine), _times.Total + elapsed, _times.Own + (elapsed * own));
    }
}
