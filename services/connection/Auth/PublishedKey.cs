using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>One key of a key set.</summary>
/// <param name="KeyId"><c>kid</c>; null when absent.</param>
/// <param name="Algorithm"><c>RS256</c> or <c>ES256</c>.</param>
/// <param name="Key">The public key.</param>
internal sealed record PublishedKey(string? KeyId, string Algorithm, SecurityKey Key)
{
    /// <summary>Reads a key set. Keys of other kinds, for other uses or algorithms, and broken ones are left out; secrets (<c>oct</c>) have no place in public.</summary>
    /// <exception cref="JsonException">It is not a key set.</exception>
    public static IReadOnlyList<PublishedKey> ParseSet(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 16 });
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("keys"u8, out var keys) || keys.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("no array 'keys'");
        }

        return [.. keys.EnumerateArray().Select(Parse).OfType<PublishedKey>()];
    }

    private static PublishedKey? Parse(JsonElement jwk)
    {
        if (jwk.ValueKind != JsonValueKind.Object || Text(jwk, "use") is not (null or "sig"))
        {
            return null;
        }

        try
        {
            return (Text(jwk, "kty"), Text(jwk, "alg")) switch
            {
                ("RSA", null or TokenHeader.Rs256) => new PublishedKey(Text(jwk, "kid"), TokenHeader.Rs256, new RsaSecurityKey(new RSAParameters
                {
                    Modulus = Base64UrlEncoder.DecodeBytes(Text(jwk, "n") ?? ""),
                    Exponent = Base64UrlEncoder.DecodeBytes(Text(jwk, "e") ?? ""),
                })),
                ("EC", null or TokenHeader.Es256) when Text(jwk, "crv") == "P-256" => new PublishedKey(
                    Text(jwk, "kid"), TokenHeader.Es256, new ECDsaSecurityKey(ECDsa.Create(new ECParameters
                    {
                        Curve = ECCurve.NamedCurves.nistP256,
                        Q = new ECPoint { X = Base64UrlEncoder.DecodeBytes(Text(jwk, "x") ?? ""), Y = Base64UrlEncoder.DecodeBytes(Text(jwk, "y") ?? "") },
                    }))),
                _ => null,
            };
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement jwk, string name) =>
        jwk.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
