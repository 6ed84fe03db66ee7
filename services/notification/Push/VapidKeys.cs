using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Tertulia.Notifications.Push;

/// <summary>The server's identity towards push services (RFC 8292): browsers subscribe with the public key, requests are signed with the private one.</summary>
/// <param name="PublicKey">65 bytes, Base64url.</param>
/// <param name="PrivateKey">32 bytes, Base64url.</param>
internal sealed record VapidKeys(string PublicKey, string PrivateKey)
{
    /// <summary>A new pair.</summary>
    public static VapidKeys Generate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var parameters = key.ExportParameters(includePrivateParameters: true);
        return new VapidKeys(Base64Url.EncodeToString(P256.Encode(parameters.Q)), Base64Url.EncodeToString(parameters.D));
    }

    /// <returns>False when the two are not a pair.</returns>
    public static bool TryParse(string publicKey, string privateKey, [NotNullWhen(true)] out VapidKeys? keys)
    {
        keys = null;
        try
        {
            var candidate = new VapidKeys(publicKey, privateKey);
            using var signer = candidate.NewSigner();
            using var verifier = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = P256.Decode(Base64Url.DecodeFromChars(publicKey)) });
            if (verifier.VerifyHash(new byte[32], signer.SignHash(new byte[32])))
            {
                keys = candidate;
            }
        }
        catch (Exception exception) when (exception is FormatException or CryptographicException)
        {
            return false;
        }

        return keys is not null;
    }

    /// <summary>Signs as ES256 does.</summary>
    public ECDsa NewSigner() => ECDsa.Create(new ECParameters
    {
        Curve = ECCurve.NamedCurves.nistP256,
        Q = P256.Decode(Base64Url.DecodeFromChars(PublicKey)),
        D = Base64Url.DecodeFromChars(PrivateKey),
    });

    /// <inheritdoc />
    public override string ToString() => PublicKey; // A record would show the private one.
}

/// <summary>Points of the curve as Web Push writes them.</summary>
internal static class P256
{
    /// <summary>Bytes of an uncompressed point (SEC 1, 2.3.3).</summary>
    public const int PointBytes = 65;

    private const byte Uncompressed = 4;

    public static byte[] Encode(ECPoint point) => [Uncompressed, .. point.X!, .. point.Y!];

    /// <exception cref="CryptographicException">Not an uncompressed point. Whether it is on the curve is found out by who uses it.</exception>
    public static ECPoint Decode(ReadOnlySpan<byte> bytes) => bytes is [Uncompressed, ..] && bytes.Length == PointBytes
        ? new ECPoint { X = bytes[1..33].ToArray(), Y = bytes[33..].ToArray() }
        : throw new CryptographicException("Not an uncompressed point of P-256");
}
