using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Partitions;

/// <summary>Asks the store again and again, so that a replica without work hears of a new epoch, too.</summary>
/// <remarks>Every answer of the store brings <see cref="IMessageStore.Epoch"/> up to date. The flush loops compare, and take their partitions again.</remarks>
internal sealed partial class EpochWatch(IMessageStore store, StoreStart<IMessageStore> start, FlushLoops loops, TimeProvider time, ILogger<EpochWatch> logger) : BackgroundService
{
    /// <summary>Time between two questions.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            var known = store.Epoch;
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await AskAsync(stoppingToken);
                if (store.Epoch != known)
                {
                    known = store.Epoch;
                    loops.Tick();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task AskAsync(CancellationToken stoppingToken)
    {
        try
        {
            await store.CheckAsync(CancellationToken.None).WaitAsync(stoppingToken);
        }
        catch (StoreUnavailableException exception)
        {
            LogUnavailable(exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The store does not answer; it is asked again")]
    private partial void LogUnavailable(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The store's epoch is no longer watched")]
    private partial void LogStopped();
}
