using Tertulia.Connections.Limits;

namespace Tertulia.Connections.Sessions;

/// <summary>Limits of one session for what is not an event of its user: pings and tokens, entering and leaving rooms.</summary>
internal sealed class SessionRates
{
    private const int FloodFactor = 5;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    private long _windowStart;
    private int _frames;
    private TokenBucket? _moves;

    /// <summary>One more frame, of whatever type.</summary>
    /// <returns>True when the client goes on far above its limits although it is told: close it with 4007.</returns>
    public bool IsFlood(LimitOptions limits, TimeProvider time)
    {
        if (limits.EventsPerMinute == 0)
        {
            return false;
        }

        var now = time.GetTimestamp();
        if (_frames == 0 || time.GetElapsedTime(_windowStart, now) >= Window)
        {
            (_windowStart, _frames) = (now, 0);
        }

        return ++_frames > (FloodFactor * limits.EventsPerMinute) + Moves(limits);
    }

    /// <summary>The session enters or leaves a room. A device that comes back enters all of its rooms at once, so that this is not counted with
    /// the events: all rooms may be entered and left once, and some more; after that it goes at the pace of the events.</summary>
    public bool TryMove(LimitOptions limits, TimeProvider time, out int retryAfterMs)
    {
        retryAfterMs = 0;
        if (limits.EventsPerMinute == 0 || limits.RoomsPerConnection == 0)
        {
            return true;
        }

        _moves ??= new TokenBucket(Moves(limits), limits.EventsPerMinute / Window.TotalSeconds, time);
        var taken = _moves.TryTake(out var retryAfter);
        retryAfterMs = (int)Math.Ceiling(retryAfter.TotalMilliseconds);
        return taken;
    }

    private static int Moves(LimitOptions limits) => (2 * limits.RoomsPerConnection) + limits.Burst;
}
