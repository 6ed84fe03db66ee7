using Tertulia.Load.Contenders;
using Tertulia.Load.Traffic;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Measuring;

/// <summary>Measures windows of traffic: what arrived, when, and what the servers spent on it.</summary>
internal sealed class ServerWatch(Contender contender)
{
    /// <summary>Longest wait for what is outstanding.</summary>
    public static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(10);

    /// <summary>Longest wait with nothing arriving.</summary>
    public static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(4);

    /// <summary>Sends for a while at one rate, then waits for what is outstanding.</summary>
    public Window Measure(Crowd crowd, double rate, TimeSpan duration) => Measure(crowd, [rate], duration, SettleWithin, GiveUpAfter);

    /// <summary>Sends at one rate after the other, each for as long, in one window; then waits for what is outstanding.</summary>
    /// <param name="settleWithin">Longest time for what is outstanding.</param>
    /// <param name="giveUpAfter">The same with nothing arriving at all.</param>
    public Window Measure(Crowd crowd, ReadOnlySpan<double> rates, TimeSpan duration, TimeSpan settleWithin, TimeSpan giveUpAfter)
    {
        var tally = crowd.Tally;
        var cpuBefore = contender.CpuSeconds();
        var (start, busy) = (Loop.Now, crowd.Busy);
        tally.OpenWindow(start);
        var offered = 0.0;
        foreach (var rate in rates)
        {
            crowd.Send(rate, duration);
            offered += rate / rates.Length;
        }

        var end = Loop.Now;
        tally.CloseWindow(end);
        var seconds = (end - start) / 1e9;
        var generator = (crowd.Busy - busy) / 1e9 / seconds;
        var cpu = Subtract(contender.CpuSeconds(), cpuBefore);
        string[] missing = crowd.Settle(settleWithin, giveUpAfter) ? [] : [crowd.DescribeMissing()];
        return new Window(
            Math.Round(offered, 1), Math.Round(seconds, 3), tally.WindowSent, tally.WindowDelivered, Percentiles.Of(tally.Latency), Percentiles.Of(tally.Acknowledgement),
            cpu, tally.Outstanding, tally.Duplicates, tally.Reordered, tally.Disconnects, tally.Errors, [.. tally.Complaints, .. missing],
            Math.Round(generator, 3), Percentiles.Of(tally.Lag));
    }

    /// <summary>CPU seconds between two looks, by process.</summary>
    public static Dictionary<string, double> Subtract(Dictionary<string, double> after, Dictionary<string, double> before) =>
        after.ToDictionary(process => process.Key, process => Math.Round(process.Value - before[process.Key], 2));
}
