using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Tertulia.Verify;

/// <summary>Makes the tokens of the clients: HS256 (RFC 7518, 3.2), valid for an hour.</summary>
internal sealed class TokenSigner(string secret, VerifyArguments arguments, TimeProvider time)
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    public string For(string userId)
    {
        var now = time.GetUtcNow();
        var claims = new Dictionary<string, object> { ["sub"] = userId, ["name"] = userId, ["iat"] = now.ToUnixTimeSeconds(), ["exp"] = (now + Life)
            .ToUnixTimeSeconds() };
        if (arguments.Issuer.Length > 0)
        {
            claims["iss"] = arguments.Issuer;
        }

        if (arguments.Audience.Length > 0)
        {
            claims["aud"] = arguments.Audience;
        }

        var signed = $"{Encode("""{"alg":"HS256","typ":"JWT"}"""u8)}.{Encode(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{signed}.{Encode(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
}
