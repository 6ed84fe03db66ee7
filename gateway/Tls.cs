using System.Net.Security;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Gateway;

/// <summary>A door with TLS beside the plain ones of <c>urls</c>.</summary>
public sealed class TlsOptions
{
    internal const string Section = "Gateway:Tls";

    /// <summary>Port of the door, on all interfaces; HTTP/1.1 and HTTP/2.</summary>
    /// <value>1 to 65,535; absent: no TLS here.</value>
    [System.ComponentModel.DataAnnotations.Range(1, 65_535)]
    public int? Port { get; set; }

    /// <summary>PEM file with the certificate and its chain. It is read again when it was replaced.</summary>
    /// <value>Required with <see cref="Port"/>.</value>
    public string CertificatePath { get; set; } = "";

    /// <summary>PEM file with the private key.</summary>
    /// <value>Required with <see cref="Port"/>.</value>
    public string KeyPath { get; set; } = "";
}

[OptionsValidator]
internal sealed partial class TlsOptionsValidator : IValidateOptions<TlsOptions>;

/// <summary>The files that a port needs.</summary>
internal sealed class TlsFilesValidator : IValidateOptions<TlsOptions>
{
    public ValidateOptionsResult Validate(string? name, TlsOptions options) =>
        options.Port is null || (File.Exists(options.CertificatePath) && File.Exists(options.KeyPath))
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"{TlsOptions.Section}:Port needs the files CertificatePath and KeyPath");
}

/// <summary>The door's certificate, with its chain.</summary>
internal sealed partial class TlsCertificate
{
    private readonly Lazy<CertificateFiles> _files;
    private readonly ILogger<TlsCertificate> _logger;

    public TlsCertificate(IOptions<TlsOptions> options, TimeProvider time, ILogger<TlsCertificate> logger)
    {
        _logger = logger;
        _files = new(() => new CertificateFiles(options.Value.CertificatePath, options.Value.KeyPath, authorityPath: null, time)
        {
            Read = read => LogRead(read.NotAfter),
            Refused = LogNotRead, // Certificate and key are being replaced one after the other: the old one is good until the next look.
        });
    }

    /// <param name="kestrel">The server that is being made.</param>
    /// <param name="tls">Not checked yet.</param>
    public static void Listen(KestrelServerOptions kestrel, TlsOptions tls)
    {
        if (tls.Port is > 0 and <= ushort.MaxValue)
        {
            kestrel.ListenAnyIP(tls.Port.Value, listen =>
            {
                listen.UseDirectOutput();
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(listen.ApplicationServices.GetRequiredService<TlsCertificate>().Handshake()),
                });
                listen.UseHandover();
            });
        }
    }

    /// <summary>What the files say now.</summary>
    public CertificateFiles.Material Current() => _files.Value.Current();

    private SslServerAuthenticationOptions Handshake()
    {
        var read = Current();
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(read.Certificate, read.Between, offline: true),
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "TLS certificate read, valid until {NotAfter:u}")]
    private partial void LogRead(DateTime notAfter);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The new TLS certificate could not be read; the previous one stays")]
    private partial void LogNotRead(Exception exception);
}
