using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Tertulia.Sql;

/// <summary>A store that one process opens once.</summary>
public interface IStore : IAsyncDisposable
{
    /// <summary>Brings the schema up to date. Several processes may do it at once.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>Completes when the store answers.</summary>
    /// <exception cref="StoreUnavailableException">It does not.</exception>
    Task CheckAsync(CancellationToken cancellationToken);
}

/// <summary>Brings a store up to date when the process starts, however long it takes until it answers.</summary>
/// <typeparam name="TStore">The store, as it is registered.</typeparam>
public sealed class StoreStart<TStore>(TStore store, TimeProvider time, ILogger<StoreStart<TStore>> logger) : BackgroundService
    where TStore : IStore
{
    private readonly TaskCompletionSource _initialized = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the store can be used.</summary>
    public Task Initialized => _initialized.Task;

    /// <inheritdoc />
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
                StoreLog.Unavailable(logger, exception);
                await backoff.WaitAsync(stoppingToken);
            }
        }
    }
}

/// <summary>Ready when the store answers.</summary>
/// <typeparam name="TStore">As in <see cref="StoreStart{TStore}"/>.</typeparam>
internal sealed class StoreReadiness<TStore>(TStore store, StoreStart<TStore> start) : IHealthCheck
    where TStore : IStore
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

internal static partial class StoreLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; trying again")]
    public static partial void Unavailable(ILogger logger, Exception exception);
}
