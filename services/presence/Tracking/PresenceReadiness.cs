using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tertulia.Presence.Tracking;

/// <summary>Not ready before the nodes have announced themselves.</summary>
internal sealed class PresenceReadiness(PresenceLoop loop) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(loop.Settled ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("waiting for the nodes to announce themselves"));
}
