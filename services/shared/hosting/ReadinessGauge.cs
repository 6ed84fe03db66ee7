using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tertulia.Hosting;

/// <summary>Says in the metrics what <c>/health</c> says: whether each part of the process works. Alerts can name the part, not only the symptom. And when
/// the process started: its uptime does not tell a restart from another scrape when it ends as young as its successor is at its first scrape. And when its
/// certificate for the others ends.</summary>
internal sealed class ReadinessGauge : IHealthCheckPublisher
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Hosting";

    // A check costs what a probe costs. More often than metrics are read would be for nobody.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    private readonly Gauge<int> _ready;

    public ReadinessGauge(IMeterFactory meters, InternalTls tls)
    {
        var meter = meters.Create(MeterName);
        _ready = meter.CreateGauge<int>("tertulia.ready", "{check}", "Whether a part of the process works, by check: 1 or 0");
        using var self = Process.GetCurrentProcess();
        var started = new DateTimeOffset(self.StartTime).ToUnixTimeMilliseconds() / 1000.0;
        meter.CreateObservableGauge<double>(
            "tertulia.started", unit: "s", description: "Unix time at which the process started: another one after each restart", observeValue: () => started);
        // Of the files, whether anybody connects or not.
        meter.CreateObservableGauge<long>(
            "tertulia.internal.certificate.expiry", unit: "s", description: "Unix time at which the certificate ends that this process shows to the others",
            observeValues: () => tls.Ends is { } ends ? [new Measurement<long>(ends.ToUnixTimeSeconds())] : []);
    }

    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton<IHealthCheckPublisher, ReadinessGauge>();
        services.Configure<HealthCheckPublisherOptions>(options => (options.Delay, options.Period) = (TimeSpan.FromSeconds(1), LookEvery));
    }

    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        foreach (var (name, entry) in report.Entries)
        {
            _ready.Record(entry.Status == HealthStatus.Healthy ? 1 : 0, new KeyValuePair<string, object?>("check", name));
        }

        return Task.CompletedTask;
    }
}
