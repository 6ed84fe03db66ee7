using System.Diagnostics.Metrics;
using System.Security.Cryptography.X509Certificates;

namespace Tertulia.Gateway;

/// <summary>The gateway's metrics.</summary>
internal sealed class Telemetry
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Gateway";

    private readonly UpDownCounter<int> _sockets;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _again;
    private readonly Counter<long> _cut;
    private readonly Meter _meter;

    public Telemetry(IMeterFactory meters)
    {
        var meter = _meter = meters.Create(MeterName);
        _sockets = meter.CreateUpDownCounter<int>("tertulia.gateway.sockets", "{socket}", "Open WebSockets");
        _refused = meter.CreateCounter<long>("tertulia.gateway.refused", "{request}", "Requests refused by the limits per address");
        _again = meter.CreateCounter<long>("tertulia.gateway.retried", "{request}", "Requests sent to another node because the first could not be reached");
        _cut = meter.CreateCounter<long>("tertulia.gateway.slow_clients_cut", "{socket}", "Clients cut because they did not read and too much waited for all of them");
        foreach (var rare in (Counter<long>[])[_refused, _again, _cut])
        {
            rare.Add(0); // The first one is a change, too: without a zero before it no rate sees it.
        }
    }

    public void SocketOpened() => _sockets.Add(1);

    public void SocketClosed() => _sockets.Add(-1);

    public void Refused() => _refused.Add(1);

    /// <summary>When the certificate ends is looked up whenever somebody asks for the metrics.</summary>
    public void Observe(Func<X509Certificate2> certificate) => _meter.CreateObservableGauge<long>(
        "tertulia.gateway.certificate.expiry", unit: "s", description: "Unix time at which the certificate of the TLS door ends",
        observeValue: () => new DateTimeOffset(certificate().NotAfter).ToUnixTimeSeconds());

    public void Retried() => _again.Add(1);

    public void SlowClientsCut(int clients) => _cut.Add(clients);
}
