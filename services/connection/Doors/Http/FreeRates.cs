using Microsoft.Extensions.Options;
using Tertulia.Connections.Limits;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>How many requests that are no events (polling, opening a stream) a user may make on this node: five times the allowance of events, as frames that are free
/// on a socket.</summary>
internal sealed class FreeRates(IOptions<LimitOptions> limits, TimeProvider time)
{
    private const int Factor = 5;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(30);

    private readonly UserRates _rates = new(Options.Create(new LimitOptions { EventsPerMinute = Factor * limits.Value.EventsPerMinute }), time);
    private long _sweptAt = time.GetTimestamp();

    /// <returns>False when the limit is reached.</returns>
    public bool TryTake(string userId, out int retryAfterMs)
    {
        var sweptAt = Interlocked.Read(ref _sweptAt);
        if (time.GetElapsedTime(sweptAt) >= SweepInterval && Interlocked.CompareExchange(ref _sweptAt, time.GetTimestamp(), sweptAt) == sweptAt)
        {
            _rates.Sweep();
        }

        return _rates.TryTake(userId, out retryAfterMs);
    }
}
