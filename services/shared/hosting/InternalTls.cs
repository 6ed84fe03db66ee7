using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>TLS between the processes, with a certificate on both sides. The shared secret is needed all the same, and is sent through it.</summary>
public sealed class InternalTlsOptions
{
    internal const string Section = "Internal:Tls";

    /// <summary>PEM file with this process's certificate, for servers and for clients, and its chain. It is read again when it was replaced.</summary>
    /// <value>Default none: no TLS. With it <see cref="Key"/> and <see cref="Authority"/> are required, and internal addresses (<c>Listen:Http2</c>,
    /// <c>Gateway:Nodes</c>, <c>Services</c>) are <c>https://</c>, <c>dns:</c> or <c>unix:</c>.</value>
    public string Certificate { get; set; } = "";

    /// <summary>PEM file with its private key.</summary>
    /// <value>Required with <see cref="Certificate"/>.</value>
    public string Key { get; set; } = "";

    /// <summary>PEM file with the certificates of the authority. A peer is one of the cluster when it has a certificate of this authority, which therefore must sign
    /// for nobody else; names in it are not looked at.</summary>
    /// <value>Required with <see cref="Certificate"/>.</value>
    public string Authority { get; set; } = "";
}

/// <summary>All three files or none, readable, and addresses that say the same.</summary>
internal sealed class InternalTlsOptionsRules(IConfiguration configuration) : IValidateOptions<InternalTlsOptions>
{
    public ValidateOptionsResult Validate(string? name, InternalTlsOptions options)
    {
        (string Key, string Path)[] files =
            [(nameof(options.Certificate), options.Certificate), (nameof(options.Key), options.Key), (nameof(options.Authority), options.Authority)];
        var isOn = files.Any(file => file.Path.Length > 0);
        List<string> problems =
        [
            .. isOn ? files.Where(file => file.Path.Length == 0).Select(file => $"{InternalTlsOptions.Section}:{file.Key} is missing: the three files belong together.") : [],
            .. files.Where(file => file.Path.Length > 0 && !File.Exists(file.Path)).Select(file => $"{InternalTlsOptions.Section}:{file.Key}: there is no file {file.Path}."),
            .. InternalAddresses.All(configuration).Where(address => address.Url.StartsWith(isOn ? "http:" : "https:", StringComparison.OrdinalIgnoreCase)).Select(address => isOn
                ? $"{address.Key}: with {InternalTlsOptions.Section} internal addresses are https://, not {address.Url}."
                : $"{address.Key}: {address.Url} needs {InternalTlsOptions.Section}."),
        ];
        if (isOn && problems.Count == 0)
        {
            problems.AddRange(Unusable(options));
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static string[] Unusable(InternalTlsOptions options)
    {
        try
        {
            var read = new CertificateFiles(options.Certificate, options.Key, options.Authority, TimeProvider.System).Current();
            return read.Authorities.Count > 0 ? [] : [$"{InternalTlsOptions.Section}:Authority: {options.Authority} holds no certificate."];
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return [$"{InternalTlsOptions.Section}: the files cannot be used: {unusable.Message}"];
        }
    }
}

/// <summary>Proves with a certificate that this process is one of the cluster, and checks what others show. Any thread.</summary>
public sealed partial class InternalTls
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly Lazy<CertificateFiles?> _files;
    private readonly ILogger<InternalTls> _logger;

    /// <summary>Reads the files when they are first needed: the start checks all options together.</summary>
    public InternalTls(IOptions<InternalTlsOptions> options, TimeProvider time, ILogger<InternalTls> logger)
    {
        _logger = logger;
        _files = new(() => options.Value is { Certificate.Length: > 0 } tls
            ? new CertificateFiles(tls.Certificate, tls.Key, tls.Authority, time) { Read = read => LogRead(read.NotAfter), Refused = LogRefused }
            : null);
    }

    /// <summary>Whether the processes speak TLS among themselves.</summary>
    public bool IsOn => _files.Value is not null;

    /// <summary>When the certificate ends that the files hold now; null without TLS.</summary>
    /// <exception cref="Exception">They cannot be read, and never could.</exception>
    internal DateTimeOffset? Ends => _files.Value is { } files ? new DateTimeOffset(files.Current().Certificate.NotAfter) : null;

    /// <summary>For calls to other processes of the cluster: shows the certificate, when there is one.</summary>
    public SocketsHttpHandler Handler()
    {
        var handler = new SocketsHttpHandler();
        Apply(handler);
        return handler;
    }

    /// <summary>The same for a handler that is there.</summary>
    public void Apply(SocketsHttpHandler handler)
    {
        if (IsOn)
        {
            handler.SslOptions = Client();
        }
    }

    /// <summary>A stream to another process: with TLS when it is on, else the same one.</summary>
    /// <exception cref="System.Security.Authentication.AuthenticationException">It is none of the cluster.</exception>
    public async Task<Stream> ConnectAsync(Stream stream, string host, CancellationToken cancellationToken)
    {
        if (!IsOn)
        {
            return stream;
        }

        var secure = new SslStream(stream);
        var options = Client();
        options.TargetHost = host;
        await secure.AuthenticateAsClientAsync(options, cancellationToken);
        return secure;
    }

    /// <summary>As <see cref="IsOn"/>, of options that were not checked yet: the server is made before that.</summary>
    internal static bool IsWanted(IConfiguration configuration) => configuration[$"{InternalTlsOptions.Section}:{nameof(InternalTlsOptions.Certificate)}"] is { Length: > 0 };

    /// <summary>Before everything else on an internal listener.</summary>
    internal void Use(ListenOptions listener) => listener.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(Server()) });

    private SslServerAuthenticationOptions Server()
    {
        var read = _files.Value!.Current();
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(read.Certificate, read.Between, offline: true),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => IsOurs(certificate, ClientUse),
            ApplicationProtocols = [SslApplicationProtocol.Http2], // A link asks for none.
        };
    }

    private SslClientAuthenticationOptions Client() => new()
    {
        // Asked at each handshake, so that a renewed certificate is the one that is shown.
        LocalCertificateSelectionCallback = (_, _, _, _, _) => _files.Value!.Current().Certificate,
        RemoteCertificateValidationCallback = (_, certificate, _, _) => IsOurs(certificate, ServerUse),
    };

    private bool IsOurs(X509Certificate? certificate, string use)
    {
        if (certificate is not X509Certificate2 shown)
        {
            return false;
        }

        var read = _files.Value!.Current();
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(read.Authorities);
        chain.ChainPolicy.ExtraStore.AddRange(read.Between); // The same authority made both: a client shows its own certificate alone.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // They live for weeks, and their authority says no more than that.
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use));
        var isOurs = chain.Build(shown);
        if (!isOurs)
        {
            LogStranger(shown.Subject, string.Join(' ', chain.ChainStatus.Select(status => status.StatusInformation)));
        }

        return isOurs;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The certificate for other processes was read; it is good until {NotAfter:u}")]
    private partial void LogRead(DateTime notAfter);

    [LoggerMessage(Level = LogLevel.Error, Message = "The files of Internal:Tls cannot be used; the certificate before stays")]
    private partial void LogRefused(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Subject} is no process of the cluster: {Reason}")]
    private partial void LogStranger(string subject, string reason);
}

/// <summary>Where processes reach each other.</summary>
internal static class InternalAddresses
{
    /// <summary>All that are configured, each with its key.</summary>
    public static IEnumerable<(string Key, string Url)> All(IConfiguration configuration) =>
        from key in (string[])["Listen:Http2", "Gateway:Nodes", .. configuration.GetSection("Services").GetChildren().Select(service => service.Path)]
        from url in Listeners.Addresses(configuration[key])
        select (key, url);
}
