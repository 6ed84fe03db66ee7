using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tertulia.Testing;

/// <summary>An authority of a test, which signs certificates for a day or for longer.</summary>
public sealed class CertificateAuthority : IDisposable
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2");

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    /// <param name="name">Its name.</param>
    public CertificateAuthority(string name)
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(100));
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }

    /// <summary>A new certificate, with its key.</summary>
    /// <param name="name">Its name, also of a host.</param>
    public X509Certificate2 Issue(string name)
    {
        var (certificate, key) = IssuePem(name, Day);
        using var read = X509Certificate2.CreateFromPem(certificate, key);
        return X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Puts <c>tls.crt</c>, <c>tls.key</c> and <c>ca.crt</c> into a folder, as Kubernetes mounts a secret: <c>..data</c> is a link to what there is
    /// now, and each file leads through it.</summary>
    /// <param name="folder">Created when absent; files that are there are replaced.</param>
    /// <param name="lasts">How long the certificate is good; default a day.</param>
    public void Mount(string folder, TimeSpan? lasts = null)
    {
        var state = Directory.CreateDirectory(Path.Combine(folder, $"..{Guid.NewGuid():N}")).Name;
        var (certificate, key) = IssuePem("tertulia", lasts ?? Day);
        foreach (var (name, text) in (ReadOnlySpan<(string, string)>)[("tls.crt", certificate), ("tls.key", key), ("ca.crt", _certificate.ExportCertificatePem())])
        {
            File.WriteAllText(Path.Combine(folder, state, name), text);
            if (!File.Exists(Path.Combine(folder, name)))
            {
                File.CreateSymbolicLink(Path.Combine(folder, name), Path.Combine("..data", name));
            }
        }

        var now = Path.Combine(folder, "..data");
        File.Delete(now);
        File.CreateSymbolicLink(now, state);
    }

    private (string Certificate, string Key) IssuePem(string name, TimeSpan lasts)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([ServerUse, ClientUse], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_certificate, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow + lasts, RandomNumberGenerator.GetBytes(16));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
