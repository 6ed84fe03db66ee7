using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>The certificate of the TLS door is the one in the files, and the metrics say until when it is valid.</summary>
public sealed class TlsCertificateTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tertulia-tls-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_end_of_the_certificate_is_that_of_the_files_whenever_somebody_asks_for_the_metrics()
    {
        var time = new FakeTimeProvider();
        using var services = new ServiceCollection().AddMetrics().AddSingleton<Telemetry>().BuildServiceProvider();
        var told = new List<long>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "tertulia.gateway.certificate.expiry" && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
            {
                self.EnableMeasurementEvents(instrument);
            }
        } };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => told.Add(value));
        listener.Start();
        var options = new TlsOptions { Port = 443, CertificatePath = Path.Combine(_folder.FullName, "tls.crt"), KeyPath = Path.Combine(_folder.FullName, "tls.key") };
        var certificate = new TlsCertificate(Options.Create(options), time, NullLogger<TlsCertificate>.Instance);
        services.GetRequiredService<Telemetry>().Observe(() => certificate.Current().Certificate);
        var first = new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero);

        Write(options, first);
        listener.RecordObservableInstruments();
        Write(options, first.AddDays(90));
        File.SetLastWriteTimeUtc(options.CertificatePath, DateTime.UtcNow.AddMinutes(1));
        time.Advance(TimeSpan.FromMinutes(2));
        listener.RecordObservableInstruments();

        Assert.Equal([first.ToUnixTimeSeconds(), first.AddDays(90).ToUnixTimeSeconds()], told);
    }

    private static void Write(TlsOptions options, DateTimeOffset notAfter)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=chat.example.org", key, HashAlgorithmName.SHA256).CreateSelfSigned(notAfter.AddYears(-1), notAfter);
        File.WriteAllText(options.CertificatePath, certificate.ExportCertificatePem());
        File.WriteAllText(options.KeyPath, key.ExportPkcs8PrivateKeyPem());
    }
}
