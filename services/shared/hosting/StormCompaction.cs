using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Tertulia.Hosting;

/// <summary>Gives memory back once after many clients have come.</summary>
/// <remarks>What their requests and joins left behind lies among what stays. The collector runs when memory is asked for, which a process whose clients are
/// silent hardly does: it would hold the garbage for hours, as much again as its sockets. With traffic the collector runs by itself.</remarks>
/// <param name="open">Sockets that are open.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Tells how long everything stood still.</param>
internal sealed partial class StormCompaction(Func<int> open, TimeProvider time, ILogger<StormCompaction> logger) : BackgroundService
{
    private const int Storm = 1000;    // New sockets below which there is little to win,
    private const int StormShare = 4;  // and the part of those that were open before.
    private const int Quiet = 10;      // New sockets in an interval without a storm.
    private const int QuietShare = 8;  // Part of the heap that is not allocated anew in an interval without traffic.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private int _lowest; // Sockets since the last time.
    private int _open;
    private long _allocated;

    /// <summary>Called once in an interval.</summary>
    /// <returns>Whether it is time.</returns>
    internal bool IsDue(int openNow, long allocatedNow, long heapBytes)
    {
        var quiet = openNow - _open <= Quiet && allocatedNow - _allocated <= heapBytes / QuietShare;
        (_open, _allocated) = (openNow, allocatedNow);
        _lowest = Math.Min(_lowest, openNow);
        if (!quiet || openNow - _lowest < Math.Max(Storm, _lowest / StormShare))
        {
            return false;
        }

        _lowest = openNow;
        return true;
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (IsDue(open(), GC.GetTotalAllocatedBytes(), GC.GetTotalMemory(forceFullCollection: false)))
                {
                    var began = time.GetTimestamp();
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                    var elapsed = time.GetElapsedTime(began);
                    LogCompacted(_open, elapsed.TotalMilliseconds);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} sockets are open: memory was compacted in {Milliseconds:0} ms")]
    private partial void LogCompacted(int count, double milliseconds);
}

/// <summary>For processes that hold clients' sockets.</summary>
public static class StormCompactionSetup
{
    /// <param name="services">Of the host.</param>
    /// <param name="open">Counts the sockets that are open.</param>
    public static IServiceCollection AddStormCompaction(this IServiceCollection services, Func<IServiceProvider, Func<int>> open) =>
        services.AddHostedService(provider => new StormCompaction(
            open(provider), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<StormCompaction>>()));
}
