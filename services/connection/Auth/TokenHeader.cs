using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>What has to be known of a token before its signature can be verified.</summary>
/// <param name="Algorithm"><c>HS256</c>, <c>RS256</c> or <c>ES256</c>.</param>
/// <param name="KeyId"><c>kid</c>; null when absent.</param>
/// <param name="Payload">The second part, still encoded.</param>
internal sealed record TokenHeader(string Algorithm, string? KeyId, string Payload)
{
    public const string Hs256 = "HS256";
    public const string Rs256 = "RS256";
    public const string Es256 = "ES256";

    /// <summary>Reads a token's first part.</summary>
    /// <returns>Null for everything that is refused without looking further: not three parts (five are encrypted, and would be decompressed), another algorithm or none,
    /// critical extensions (RFC 7515, 4.1.11), which nobody here understands.</returns>
    public static TokenHeader? Parse(string token, int maxChars)
    {
        if (token.Length > maxChars || token.AsSpan().Count('.') != 2)
        {
            return null;
        }

        var parts = token.Split('.');
        try
        {
            using var header = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(parts[0]), new JsonDocumentOptions { MaxDepth = 4 });
            var root = header.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("alg"u8, out var alg) || alg.ValueKind != JsonValueKind.String
                || root.TryGetProperty("crit"u8, out _))
            {
                return null;
            }

            var keyId = root.TryGetProperty("kid"u8, out var kid) && kid.ValueKind == JsonValueKind.String ? kid.GetString() : null;
            return alg.GetString() is (Hs256 or Rs256 or Es256) and var algorithm && parts[2].Length > 0
                ? new TokenHeader(algorithm, keyId, parts[1])
                : null;
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException or ArgumentException)
        {
            return null; // Not Base64url, not JSON, or text that is not Unicode.
        }
    }
}
