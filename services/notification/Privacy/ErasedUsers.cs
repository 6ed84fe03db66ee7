using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Privacy;

/// <summary>Asks which users are to be forgotten, does it, and says so.</summary>
internal sealed partial class ErasedUsers(
    PrivacyService.PrivacyServiceClient privacy, UserEraser eraser, StoreStart<NotificationStore> start, TimeProvider time, ILogger<ErasedUsers> logger)
    : BackgroundService
{
    /// <summary>Time between two questions.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            using var timer = new PeriodicTimer(Interval, time);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            LogStopped();
        }
    }

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            var open = await privacy.ListErasuresAsync(new ListErasuresRequest(), deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            foreach (var userId in open.UserIds)
            {
                await eraser.EraseAsync(userId, cancellationToken);
                await privacy.ConfirmErasureAsync(
                    new ConfirmErasureRequest { UserId = userId }, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            }
        }
        catch (Exception exception) when (exception is RpcException or StoreUnavailableException && !cancellationToken.IsCancellationRequested)
        {
            LogWaits(exception.Message); // The follower says that the message service is away.
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(exception); // An edge: it asks again.
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Users are forgotten later: {Reason}")]
    private partial void LogWaits(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Forgetting users failed; it is tried again")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Users are no longer forgotten here")]
    private partial void LogStopped();
}
