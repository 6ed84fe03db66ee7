using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tertulia.Bus;

/// <summary>Ready while there is a connection to the broker.</summary>
internal sealed class BusReadiness(ILiveBus bus) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(bus.IsConnected ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("no connection to the broker"));
}
