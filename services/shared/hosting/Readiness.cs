using Microsoft.Extensions.Hosting;

namespace Tertulia.Hosting;

/// <summary>A part of the process that can say whether it works.</summary>
public interface IReadinessCheck
{
    /// <summary>Name in the summary: <c>bus</c>, <c>store</c>, <c>message</c>, <c>presence</c>.</summary>
    string Name { get; }

    /// <summary>Null when it works, else one short sentence without secrets.</summary>
    Task<string?> CheckAsync(CancellationToken cancellationToken);
}

/// <summary>Whether this process wants traffic: after the start is complete and before it drains.</summary>
public sealed class Readiness
{
    /// <summary>Every hosted service has started.</summary>
    public bool Started { get; internal set; }

    /// <summary>SIGTERM came: finish, take nothing new.</summary>
    public bool Draining { get; internal set; }
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
