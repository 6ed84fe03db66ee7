using Tertulia.Hosting;

namespace Tertulia.Bus;

/// <summary>Ready while there is a connection to the broker.</summary>
internal sealed class BusReadiness(ILiveBus bus) : IReadinessCheck
{
    public string Name => "bus";

    public Task<string?> CheckAsync(CancellationToken cancellationToken) =>
        Task.FromResult(bus.IsConnected ? null : "no connection to the broker");
}
