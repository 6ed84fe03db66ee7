using Tertulia.Presence.Emitting;
using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Status;

/// <summary>Reads the stored statuses: all of them before this replica takes part, later what others stored. What a replica stores it tells the others; this finds what
/// got lost on the way.</summary>
internal sealed partial class StatusFollower(
    IPresenceStore store, StoreStart<IPresenceStore> start, PresenceLoop loop, PresenceReplicas replicas, TimeProvider time, ILogger<StatusFollower> logger)
    : BackgroundService
{
    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const int PageSize = 1_000;
    private const string Cleaner = "statuses"; // The replica that owns this key removes what nobody needs any more.

    // Clocks of replicas differ, and a write may be visible later than one with a larger stamp.
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);
    private static readonly TimeSpan CleaningInterval = TimeSpan.FromMinutes(1);

    private long _position;
    private long _cleanedAt = time.GetTimestamp();

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            await loop.Listening.WaitAsync(stoppingToken); // What is chosen between the reading and the listening would be missed: who hides would be shown.
            while (!await TryReadAsync(stoppingToken))
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken);
            }

            loop.StatusesRead = true;
            using var timer = new PeriodicTimer(Interval, time);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryReadAsync(stoppingToken);
                await TryCleanAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The process stops.
        }
    }

    private async Task<bool> TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var after = Math.Min(_position, StampOf(time.GetUtcNow() - Overlap));
            while (true)
            {
                var page = await store.ReadStatusesAsync(after, PageSize, cancellationToken);
                if (page.Count > 0)
                {
                    after = page[^1].Stamp;
                    await loop.AskAsync(
                        map =>
                        {
                            foreach (var status in page)
                            {
                                map.Choose(status);
                            }

                            return true;
                        },
                        cancellationToken);
                }

                if (page.Count < PageSize)
                {
                    _position = Math.Max(_position, after);
                    return true;
                }
            }
        }
        catch (StoreUnavailableException exception)
        {
            LogNotRead(exception.InnerException?.Message ?? exception.Message);
            return false;
        }
    }

    private async Task TryCleanAsync(CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_cleanedAt) < CleaningInterval || !replicas.Owns(Cleaner))
        {
            return;
        }

        _cleanedAt = time.GetTimestamp();
        try
        {
            var before = time.GetUtcNow() - Kept;
            await store.RemoveStatusesAsync(before.ToUnixTimeMilliseconds(), StampOf(before), cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            LogNotRead(exception.InnerException?.Message ?? exception.Message);
        }
    }

    private static long StampOf(DateTimeOffset at) => Math.Max(0, at.ToUnixTimeMilliseconds()) << StatusBook.StampBits;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store of presence does not answer: {Reason}")]
    private partial void LogNotRead(string reason);
}
