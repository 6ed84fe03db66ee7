using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>The keys of the configuration.</summary>
internal sealed class StaticKeys
{
    // Mode Development lets anybody be anybody: this keeps nothing secret, it only makes nodes understand each other's tokens.
    private const string DevelopmentSecret = "tertulia-development-only-not-a-secret";

    private readonly List<SecurityKey> _rsa = [];
    private readonly List<SecurityKey> _ecdsa = [];

    /// <summary>The shared secret; null when there is none.</summary>
    public SymmetricSecurityKey? Secret { get; private init; }

    /// <summary>The keys for an algorithm.</summary>
    public IReadOnlyList<SecurityKey> Of(string algorithm) => algorithm switch
    {
        TokenAlgorithms.Hs256 => Secret is null ? [] : [Secret],
        TokenAlgorithms.Rs256 => _rsa,
        TokenAlgorithms.Es256 => _ecdsa,
        _ => [],
    };

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidOperationException">A key is missing, too short, of an unknown kind, or not readable; the message says which, never what it holds.</exception>
    public static StaticKeys Load(AuthOptions options)
    {
        var secret = Text("Auth:Secret", options.Secret, options.SecretFile)?.Trim()
            ?? (options.Mode == AuthMode.Development ? DevelopmentSecret : null);
        if (secret is not null && Encoding.UTF8.GetByteCount(secret) < AuthOptions.MinSecretBytes)
        {
            throw new InvalidOperationException($"Auth:Secret has fewer than {AuthOptions.MinSecretBytes} bytes.");
        }

        var pem = Text("Auth:PublicKeys", options.PublicKeys, options.PublicKeysFile);
        var keys = new StaticKeys { Secret = secret is null ? null : new SymmetricSecurityKey(Encoding.UTF8.GetBytes(secret)) };
        if (pem is not null)
        {
            keys.AddPem(pem);
        }

        if (secret is null && pem is null && options.JwksUrl is null)
        {
            throw new InvalidOperationException(
                "Auth:Mode is Jwt, but there is no key: set Auth:Secret, Auth:SecretFile, Auth:PublicKeys, Auth:PublicKeysFile or Auth:JwksUrl.");
        }

        return keys;
    }

    private static string? Text(string key, string? value, string? file)
    {
        if (string.IsNullOrWhiteSpace(file))
        {
            return string.IsNullOrWhiteSpace(value) ? null : value;
        }

        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"{key}File cannot be read: {exception.Message}", exception);
        }
    }

    private void AddPem(string pem)
    {
        var rest = pem.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            AddKey(rest[fields.Label].ToString(), Convert.FromBase64String(rest[fields.Base64Data].ToString()));
            rest = rest[fields.Location.End..];
        }

        if (_rsa.Count + _ecdsa.Count == 0)
        {
            throw new InvalidOperationException("Auth:PublicKeys holds no PEM block.");
        }
    }

    private void AddKey(string label, byte[] der)
    {
        try
        {
            if (label == "CERTIFICATE")
            {
                using var certificate = X509CertificateLoader.LoadCertificate(der);
                der = certificate.PublicKey.ExportSubjectPublicKeyInfo();
            }
            else if (label != "PUBLIC KEY")
            {
                throw new InvalidOperationException($"Auth:PublicKeys: a block '{label}' is not a PUBLIC KEY or CERTIFICATE.");
            }

            AddPublicKey(der);
        }
        catch (CryptographicException exception)
        {
            throw new InvalidOperationException($"Auth:PublicKeys: a block '{label}' cannot be read.", exception);
        }
    }

    private void AddPublicKey(byte[] der)
    {
        if (PublicKey.CreateFromSubjectPublicKeyInfo(der, out _) is var key && key.GetRSAPublicKey() is { } rsa)
        {
            _rsa.Add(new RsaSecurityKey(rsa));
        }
        else if (key.GetECDsaPublicKey() is { KeySize: 256 } ecdsa)
        {
            _ecdsa.Add(new ECDsaSecurityKey(ecdsa));
        }
        else
        {
            throw new InvalidOperationException("Auth:PublicKeys: a key is neither RSA (RS256) nor EC P-256 (ES256).");
        }
    }
}
