using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tertulia.Messages.Storage;

/// <summary>Brings the store up to date when the process starts, however long it takes until it answers.</summary>
internal sealed partial class StoreStart(IMessageStore store, TimeProvider time, ILogger<StoreStart> logger) : BackgroundService
{
    private readonly TaskCompletionSource _initialized = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the store can be used.</summary>
    public Task Initialized => _initialized.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var backoff = new Backoff(time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await store.InitializeAsync(stoppingToken);
                _initialized.SetResult();
                return;
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception);
                await backoff.WaitAsync(stoppingToken);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; trying again")]
    private partial void LogUnavailable(Exception exception);
}

/// <summary>Ready when the store answers.</summary>
internal sealed class StoreReadiness(IMessageStore store, StoreStart start) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!start.Initialized.IsCompletedSuccessfully)
        {
            return HealthCheckResult.Unhealthy("not initialised yet");
        }

        try
        {
            await store.CheckAsync(cancellationToken).WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (StoreUnavailableException)
        {
            return HealthCheckResult.Unhealthy("does not answer");
        }
    }
}
