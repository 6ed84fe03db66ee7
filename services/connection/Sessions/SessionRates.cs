using Tertulia.Connections.Limits;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>Limits of one session for what is not an event of its user: pings and tokens, entering and leaving rooms. It also counts what was refused:
/// a client that goes on all the same is closed.</summary>
internal sealed class SessionRates
{
    private const int FloodFactor = 5;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    private long _windowStart;
    private int _refused;
    private TokenBucket? _free;
    private TokenBucket? _moves;

    /// <summary>A frame that is free: a ping, a token, one of a client that is not authenticated. Free up to five times the limit of events.</summary>
    public bool TryFree(LimitOptions limits, TimeProvider time, out int retryAfterMs)
    {
        retryAfterMs = 0;
        if (limits.EventsPerMinute == 0)
        {
            return true;
        }

        var allowance = (double)FloodFactor * limits.EventsPerMinute;
        return TryTake(_free ??= new TokenBucket(allowance, allowance / Window.TotalSeconds, time), out retryAfterMs);
    }

    /// <summary>The session enters or leaves a room. A device that comes back enters all of its rooms at once, so that this is not counted with
    /// the events: all rooms may be entered and left once, and some more; after that it goes at the pace of the events.</summary>
    public bool TryMove(LimitOptions limits, TimeProvider time, out int retryAfterMs)
    {
        retryAfterMs = 0;
        return limits.EventsPerMinute == 0 || limits.RoomsPerConnection == 0
            || TryTake(
                _moves ??= new TokenBucket((2.0 * limits.RoomsPerConnection) + limits.Burst, limits.EventsPerMinute / Window.TotalSeconds, time), out retryAfterMs);
    }

    /// <summary>A frame was above a limit, of the session or of its user. What was allowed never counts here.</summary>
    /// <returns>False: tell the client (<c>rate_limited</c>). True: within 60 s it was told five times its allowance of events; close it with 4007.</returns>
    public bool IsFlood(LimitOptions limits, TimeProvider time)
    {
        var now = time.GetTimestamp();
        if (_refused == 0 || time.GetElapsedTime(_windowStart, now) >= Window)
        {
            (_windowStart, _refused) = (now, 0);
        }

        return ++_refused > (long)FloodFactor * limits.EventsPerMinute;
    }

    private static bool TryTake(TokenBucket bucket, out int retryAfterMs)
    {
        var taken = bucket.TryTake(out var retryAfter);
        retryAfterMs = (int)Math.Ceiling(retryAfter.TotalMilliseconds);
        return taken;
    }
}
