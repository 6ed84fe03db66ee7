using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;

namespace Tertulia.Notifications.Push;

/// <summary>The signed tokens of requests to push services (RFC 8292), one for each service, used for twelve hours.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class VapidTokens(VapidKeys keys, string? contact, TimeProvider time) : IDisposable
{
    /// <summary>How long a token is used again.</summary>
    public static readonly TimeSpan ReusedFor = TimeSpan.FromHours(12);

    private const int MaxServices = 1_000; // Endpoints are users' input; there are a handful of services.

    // A service refuses more than 24 hours (RFC 8292, 2); its clock may be behind ours.
    private static readonly TimeSpan ValidFor = TimeSpan.FromHours(20);

    private readonly ConcurrentDictionary<string, Token> _tokens = new(StringComparer.Ordinal);
    private readonly ECDsa _signer = keys.NewSigner();

    /// <summary>The value of <c>Authorization</c> for a request to an endpoint.</summary>
    public string Of(Uri endpoint)
    {
        var audience = endpoint.GetLeftPart(UriPartial.Authority);
        var now = time.GetUtcNow();
        if (_tokens.TryGetValue(audience, out var token) && now - token.SignedAt < ReusedFor)
        {
            return token.Value;
        }

        if (_tokens.Count >= MaxServices)
        {
            _tokens.Clear();
        }

        var value = $"vapid t={Sign(audience, now)}, k={keys.PublicKey}";
        _tokens[audience] = new Token(value, now);
        return value;
    }

    public void Dispose() => _signer.Dispose();

    private string Sign(string audience, DateTimeOffset now)
    {
        var claims = new Dictionary<string, object> { ["aud"] = audience, ["exp"] = (now + ValidFor).ToUnixTimeSeconds() };
        if (!string.IsNullOrEmpty(contact))
        {
            claims["sub"] = contact;
        }

        var signed = $"{Base64Url.EncodeToString("""{"typ":"JWT","alg":"ES256"}"""u8)}.{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        byte[] signature;
        lock (_signer)
        {
            signature = _signer.SignData(System.Text.Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        }

        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    private sealed record Token(string Value, DateTimeOffset SignedAt);
}
