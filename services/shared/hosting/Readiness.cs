using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Tertulia.Hosting;

/// <summary>Whether this process wants traffic: after the start is complete and before it drains.</summary>
public sealed class Readiness : IHealthCheck
{
    internal const string Name = "process";

    /// <summary>Every hosted service has started.</summary>
    public bool Started { get; internal set; }

    /// <summary>SIGTERM came: finish, take nothing new.</summary>
    public bool Draining { get; internal set; }

    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(this switch
        {
            { Draining: true } => HealthCheckResult.Unhealthy("draining"),
            { Started: false } => HealthCheckResult.Unhealthy("starting"),
            _ => HealthCheckResult.Healthy(),
        });
}

/// <summary>Registered first: the first to hear of the stop, before any service drains.</summary>
internal sealed class ReadinessSwitch(Readiness readiness, IHostApplicationLifetime lifetime) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() => readiness.Started = true);
        lifetime.ApplicationStopping.Register(() => readiness.Draining = true);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
