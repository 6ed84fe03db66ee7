using System.Diagnostics;

namespace Tertulia.Hosting;

/// <summary>What clients say of their own traces: believed so many times a second.</summary>
public static class ClientTraces
{
    private static TracingOptions _options = new();
    private static long _second;
    private static int _taken;

    /// <summary>Members of a room up to which every fan-out is recorded.</summary>
    public static int FanOutMembers => _options.FanOutMembers;

    /// <summary>Sets the limits, at the start of the process.</summary>
    internal static void Configure(TracingOptions options) => _options = options;

    /// <summary>The context that a client gave, when it is sampled and to be believed; else none, and the sampler decides.</summary>
    public static ActivityContext Of(string? traceparent) =>
        traceparent is not null && Tracing.TryContext(traceparent, out var context) && TryTake() ? context : default;

    /// <summary>Counts a trace of a client. Two threads at the edge of a second may let one more through.</summary>
    internal static bool TryTake()
    {
        var second = Environment.TickCount64 / 1000;
        if (Interlocked.Exchange(ref _second, second) != second)
        {
            Volatile.Write(ref _taken, 0);
        }

        return Interlocked.Increment(ref _taken) <= _options.ClientTracesPerSecond;
    }
}
