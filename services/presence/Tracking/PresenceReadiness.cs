using Tertulia.Hosting;

namespace Tertulia.Presence.Tracking;

/// <summary>Not ready before the nodes have announced themselves.</summary>
internal sealed class PresenceReadiness(PresenceLoop loop) : IReadinessCheck
{
    public string Name => "presence";

    public Task<string?> CheckAsync(CancellationToken cancellationToken) =>
        Task.FromResult(loop.Settled ? null : "waiting for the nodes to announce themselves");
}
