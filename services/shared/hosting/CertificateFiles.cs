using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tertulia.Hosting;

/// <summary>A certificate with its key and what it is checked against, as its PEM files are now: to renew them, replace them; no restart is needed.</summary>
/// <param name="certificatePath">The certificate, then those between it and the authority.</param>
/// <param name="keyPath">Its private key.</param>
/// <param name="authorityPath">Certificates of the authority; null where nobody is checked.</param>
/// <param name="time">The clock of the looks.</param>
/// <remarks>Their contents are compared, not their times: Kubernetes replaces a folder by a link, and the files' own times stay. Any thread.</remarks>
public sealed class CertificateFiles(string certificatePath, string keyPath, string? authorityPath, TimeProvider time)
{
    private readonly Lock _lock = new();
    private Pem? _pem;
    private Material? _current;
    private long _looked;

    /// <summary>Longest time after which new files are used by the next handshake.</summary>
    public static TimeSpan LookAgain { get; } = TimeSpan.FromSeconds(2);

    /// <summary>Told of each certificate that was read.</summary>
    public Action<X509Certificate2>? Read { get; init; }

    /// <summary>Told of files that cannot be used: the ones before stay.</summary>
    public Action<Exception>? Refused { get; init; }

    /// <summary>What the files say.</summary>
    /// <exception cref="Exception">They cannot be read, and never could.</exception>
    public Material Current()
    {
        lock (_lock)
        {
            if (_current is null || time.GetElapsedTime(_looked) >= LookAgain)
            {
                _looked = time.GetTimestamp();
                ReadWhenNew();
            }

            return _current!;
        }
    }

    private void ReadWhenNew()
    {
        try
        {
            var pem = new Pem(File.ReadAllText(certificatePath), File.ReadAllText(keyPath), authorityPath is null ? "" : File.ReadAllText(authorityPath));
            if (pem == _pem)
            {
                return;
            }

            _current = Material.Of(pem.Certificate, pem.Key, pem.Authority);
            _pem = pem;
            Read?.Invoke(_current.Certificate);
        }
        catch (Exception unusable) when (_current is not null && unusable is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            Refused?.Invoke(unusable); // Half replaced, perhaps: looked at again.
        }
    }

    private sealed record Pem(string Certificate, string Key, string Authority);

    /// <summary>One state of the files.</summary>
    /// <param name="Certificate">With its key.</param>
    /// <param name="Between">Certificates between it and the authority.</param>
    /// <param name="Authorities">Whom the authority's file names.</param>
    public sealed record Material(X509Certificate2 Certificate, X509Certificate2Collection Between, X509Certificate2Collection Authorities)
    {
        internal static Material Of(string certificate, string key, string authority)
        {
            X509Certificate2Collection chain = [];
            chain.ImportFromPem(certificate);
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPem(authority);
            return new Material(X509Certificate2.CreateFromPem(certificate, key), [.. chain.Skip(1)], authorities);
        }
    }
}
