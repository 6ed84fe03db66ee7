namespace Tertulia.Hosting;

/// <summary>Makes a loop that takes all that waits wait a moment first, when CPU is short and work comes so fast that several items would go together.</summary>
/// <remarks>
/// Most of what a batch costs it costs once: wake-ups, system calls, a commit. Waiting for company saves that and costs latency, so it is done only as far as the
/// CPU is short: the delay is zero up to <see cref="Calm"/>, and grows with how busy the machine is (<see cref="CpuGauge"/>) up to the longest. A loop waits at most
/// once per delay, and only while a delay brings <see cref="WorthWaitingFor"/> items or more. Not thread-safe: it belongs to its loop (ADR 0017).
/// </remarks>
/// <param name="longest">The delay when no processor is free; zero never waits.</param>
/// <param name="time">The clock.</param>
/// <param name="cpu">How busy the machine is.</param>
/// <param name="gather">Shortest wait while the delay is at least as long, also when the last time is long ago: for what others send at the same moment.</param>
public sealed class Pacer(TimeSpan longest, TimeProvider time, CpuGauge cpu, TimeSpan gather = default)
{
    /// <summary>Share of busy CPU up to which nothing waits.</summary>
    public const double Calm = 0.1;

    /// <summary>Share of busy CPU from which on the delay is the longest.</summary>
    public const double Full = 0.9;

    /// <summary>Items that must be expected within a delay for it to pay.</summary>
    public const double WorthWaitingFor = 1.5;

    // Time constant of the estimated rate: long against the delay, short against what a user notices.
    private const double Memory = 0.1;

    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1); // Timers are no finer.

    private double _perSecond; // As of _last.
    private long _last = time.GetTimestamp();

    /// <summary>How long what came now should wait; zero when not at all.</summary>
    public TimeSpan Left
    {
        get
        {
            if (longest == TimeSpan.Zero)
            {
                return TimeSpan.Zero;
            }

            var delay = longest * Math.Clamp((cpu.Busy - Calm) / (Full - Calm), 0, 1);
            var elapsed = time.GetElapsedTime(_last);
            var left = delay - elapsed;
            left = left < gather && delay >= gather ? gather : left;
            return left >= ShortestWait && Decayed(elapsed) * delay.TotalSeconds >= WorthWaitingFor ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Called before what waits is taken.</summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken) =>
        Left is var left && left > TimeSpan.Zero ? new ValueTask(Task.Delay(left, time, cancellationToken)) : ValueTask.CompletedTask;

    /// <summary>Called when it was taken.</summary>
    /// <param name="items">Items that went together.</param>
    public void Took(int items)
    {
        _perSecond = Decayed(time.GetElapsedTime(_last)) + (items / Memory);
        _last = time.GetTimestamp();
    }

    private double Decayed(TimeSpan elapsed) => _perSecond * Math.Exp(-elapsed.TotalSeconds / Memory);
}
