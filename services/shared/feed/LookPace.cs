namespace Tertulia.Feed;

/// <summary>When a follower looks although no hint came: soon while hints may be lost, rarely while they can be relied on. Any thread.</summary>
/// <param name="time">The clock.</param>
internal sealed class LookPace(TimeProvider time)
{
    /// <summary>Time to the next look after <see cref="Doubt"/>.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    /// <summary>Every look without doubt doubles the time to the next one, up to this. Well below the time after which
    /// the message service takes followers for gone and sends no hints.</summary>
    public static readonly TimeSpan Most = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private TimeSpan _next = Least;
    private ITimer? _timer;
    private bool _isDue;

    /// <param name="wake">Called when a look is due.</param>
    /// <returns>Ends the looks when disposed.</returns>
    public ITimer Begin(Action wake) => _timer = time.CreateTimer(_ =>
    {
        Volatile.Write(ref _isDue, true);
        wake();
    }, null, _next, Timeout.InfiniteTimeSpan);

    /// <summary>Whether to look now; if so, the next look is planned.</summary>
    public bool TryTake()
    {
        if (!Interlocked.Exchange(ref _isDue, false))
        {
            return false;
        }

        lock (_lock)
        {
            Plan(_next + _next < Most ? _next + _next : Most);
        }

        return true;
    }

    /// <summary>A hint may be missing, or something waits for the next look: it comes within <see cref="Least"/>.</summary>
    public void Doubt()
    {
        lock (_lock)
        {
            if (_next > Least)
            {
                Plan(Least);
            }
        }
    }

    private void Plan(TimeSpan next)
    {
        _next = next;
        _timer?.Change(next, Timeout.InfiniteTimeSpan);
    }
}
