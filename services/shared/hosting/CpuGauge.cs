using System.Globalization;

namespace Tertulia.Hosting;

/// <summary>CPU times since the start of the machine and of this process.</summary>
/// <param name="Busy">Time in which the machine's processors worked, all of them together; zero when it cannot tell.</param>
/// <param name="Total">Time that passed, times the number of processors; zero when it cannot tell.</param>
/// <param name="Own">CPU time of this process.</param>
public readonly record struct CpuTimes(TimeSpan Busy, TimeSpan Total, TimeSpan Own);

/// <summary>How busy the CPU is: the larger of what the whole machine uses and what this process uses of the processors it may have.</summary>
/// <remarks>
/// Read when it is asked for, at most once in <see cref="Interval"/>, so that an idle process does nothing for it. The machine's share comes from <c>/proc/stat</c>
/// (proc(5)); where there is none, and in a container with a CPU limit, the process's own share counts. Any thread.
/// </remarks>
/// <param name="read">The times of now.</param>
/// <param name="time">The clock.</param>
public sealed class CpuGauge(Func<CpuTimes> read, TimeProvider time)
{
    /// <summary>Shortest time between two readings: the kernel counts in hundredths of a second.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private const double Weight = 0.4; // Of the newest reading: a change is seen within a third of a second.

    private readonly Lock _lock = new();
    private long _readAt = time.GetTimestamp();
    private CpuTimes _last = read();
    private double _busy;

    /// <summary>Of this machine.</summary>
    public static CpuGauge Machine { get; } = new(Read, TimeProvider.System);

    /// <summary>Share of the CPU that is in use, smoothed.</summary>
    /// <value>0 (idle) to 1 (no processor is free).</value>
    public double Busy
    {
        get
        {
            if (time.GetElapsedTime(Volatile.Read(ref _readAt)) >= Interval && _lock.TryEnter())
            {
                try
                {
                    Update();
                }
                finally
                {
                    _lock.Exit();
                }
            }

            return Volatile.Read(ref _busy);
        }
    }

    private void Update()
    {
        var elapsed = time.GetElapsedTime(_readAt);
        if (elapsed < Interval)
        {
            return; // Another thread was faster.
        }

        var now = read();
        var share = Math.Max(ShareOf(now.Own - _last.Own, elapsed * Environment.ProcessorCount), ShareOf(now.Busy - _last.Busy, now.Total - _last.Total));
        _last = now;
        var weight = elapsed > 10 * Interval ? 1 : Weight; // What was long ago says nothing.
        Volatile.Write(ref _busy, _busy + (weight * (share - _busy)));
        Volatile.Write(ref _readAt, time.GetTimestamp());
    }

    private static double ShareOf(TimeSpan part, TimeSpan whole) => whole > TimeSpan.Zero ? Math.Clamp(part / whole, 0, 1) : 0;

    private static CpuTimes Read()
    {
        var own = Environment.CpuUsage.TotalTime;
        try
        {
            using var file = File.OpenRead("/proc/stat");
            Span<byte> buffer = stackalloc byte[256];
            return Parse(buffer[..file.Read(buffer)], own);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return new CpuTimes(TimeSpan.Zero, TimeSpan.Zero, own);
        }
    }

    /// <param name="stat">Begins with <c>cpu user nice system idle iowait irq softirq steal guest guest_nice</c>, in hundredths of a second.</param>
    /// <param name="own">CPU time of this process.</param>
    internal static CpuTimes Parse(ReadOnlySpan<byte> stat, TimeSpan own)
    {
        var line = stat.IndexOf((byte)'\n') is var end and >= 0 ? stat[..end] : stat;
        long total = 0, idle = 0;
        var column = 0;
        foreach (var range in line.Split((byte)' '))
        {
            if (long.TryParse(line[range], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && column++ < 8) // Guests are part of user.
            {
                total += ticks;
                idle += column is 4 or 5 ? ticks : 0;
            }
        }

        return new CpuTimes(TimeSpan.FromMilliseconds((total - idle) * 10), TimeSpan.FromMilliseconds(total * 10), own);
    }
}
