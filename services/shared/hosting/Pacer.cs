namespace Tertulia.Hosting;

/// <summary>Makes a loop that takes all that waits wait a moment first, while work comes so fast that several items would go together.</summary>
/// <remarks>
/// Most of what a batch costs it costs once: wake-ups, system calls, a commit. A loop that begins again as soon as it is done hands on one item at a
/// time until it is saturated. This one begins at most once per interval while at least <see cref="WorthWaitingFor"/> items a second come, and
/// at once otherwise, so that nobody waits where few talk. Not thread-safe: it belongs to its loop.
/// </remarks>
/// <param name="interval">Longest wait; zero never waits.</param>
/// <param name="time">The clock.</param>
/// <param name="gather">Shortest wait, also when the interval is long over: for what others have sent at the same time. It waits only where the interval does.</param>
public sealed class Pacer(TimeSpan interval, TimeProvider time, TimeSpan gather = default)
{
    /// <summary>Items a second from which on waiting pays.</summary>
    public const double WorthWaitingFor = 187.5;

    // Time constant of the estimated rate: long against the interval, short against what a user notices.
    private const double Memory = 0.1;

    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1); // Timers are no finer.

    private double _perSecond; // As of _last.
    private long _last = time.GetTimestamp();

    /// <summary>How long what came now should wait; zero when not at all.</summary>
    public TimeSpan Left
    {
        get
        {
            var elapsed = time.GetElapsedTime(_last);
            var left = interval - elapsed;
            left = left < gather && interval > TimeSpan.Zero ? gather : left;
            return left >= ShortestWait && Decayed(elapsed) >= WorthWaitingFor ? left : TimeSpan.Zero;
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
