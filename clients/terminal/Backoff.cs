namespace Tertulia.Chat;

/// <summary>How long to wait before the next attempt: anything up to 1, 2, 4, 8, 16, then 30 seconds, so that the clients of a lost server do not come back together.</summary>
/// <param name="random">Uniform in [0, 1).</param>
internal sealed class Backoff(Func<double> random)
{
    private static readonly TimeSpan Cap = TimeSpan.FromSeconds(30);
    private int _attempts;

    /// <summary>The time to wait now; the next one may be twice as long.</summary>
    public TimeSpan Next()
    {
        var limit = TimeSpan.FromSeconds(1 << Math.Min(_attempts++, 5));
        return (limit < Cap ? limit : Cap) * random();
    }

    /// <summary>The connection stands: start from one second again.</summary>
    public void Reset() => _attempts = 0;
}
