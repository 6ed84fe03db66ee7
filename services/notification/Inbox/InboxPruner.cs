using Microsoft.Extensions.Options;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;
using Tertulia.Sql;

namespace Tertulia.Notifications.Inbox;

/// <summary>Removes notifications that are older than they are kept for, now and then, a few at a time.</summary>
internal sealed partial class InboxPruner(
    InboxStore inbox, WithheldItems withheld, FollowedThreads threads, StoreStart<NotificationStore> start, IOptions<InboxOptions> options, TimeProvider time, ILogger<InboxPruner> logger) : BackgroundService
{
    /// <summary>Time between two rounds.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private const int AtOnce = 500;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await PruneAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task PruneAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await inbox.PruneAsync(time.GetUtcNow() - options.Value.KeepFor, AtOnce, cancellationToken) == AtOnce)
            {
                LogMore();
            }

            while (await threads.PruneAsync(time.GetUtcNow() - options.Value.KeepFor, AtOnce, cancellationToken) == AtOnce)
            {
                LogMore();
            }

            while (await withheld.PruneAsync(time.GetUtcNow() - options.Value.MaxAge, AtOnce, cancellationToken) == AtOnce)
            {
                LogMore();
            }
        }
        catch (StoreUnavailableException exception)
        {
            LogUnavailable(exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "More old notifications are removed")]
    private partial void LogMore();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old notifications are removed later: the store does not answer")]
    private partial void LogUnavailable(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Old notifications are no longer removed")]
    private partial void LogStopped();
}
