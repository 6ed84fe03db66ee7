using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Tertulia.Integration.Tests;

/// <summary>Good tokens and bad ones, made by hand so that no library keeps us from making a bad one.</summary>
internal static class Tokens
{
    public const string Issuer = "https://issuer.example";
    public const string Audience = "tertulia";
    public const string Secret = "a secret of the tests, long enough for HS256";

    /// <summary>A token as an issuer makes it.</summary>
    public static string For(string userId, TimeSpan life, string secret = Secret, string alg = "HS256", string? audience = null, string role = "user")
    {
        return Sign(new { sub = userId, name = userId, role, iss = Issuer, aud = audience ?? Audience, exp = DateTimeOffset.UtcNow.Add(life).ToUnixTimeSeconds() }, secret, alg);
    }

    /// <summary>A token of one's own claims, with issuer, audience, an hour of life, and the time as its <c>iat</c>.</summary>
    public static string With(string userId, string role = "user", string? jti = null, object? rooms = null)
    {
        var now = DateTimeOffset.UtcNow;
        var claims = new Dictionary<string, object?>
        {
            ["sub"] = userId, ["name"] = userId, ["iss"] = Issuer, ["aud"] = Audience, ["role"] = role, ["iat"] = now.ToUnixTimeMilliseconds() / 1000.0,
            ["exp"] = now.AddHours(1).ToUnixTimeSeconds(), ["jti"] = jti ?? Guid.NewGuid().ToString(),
        };
        if (rooms is not null)
        {
            claims["rooms"] = rooms;
        }

        return Sign(claims, Secret, "HS256");
    }

    private static string Sign(object claims, string secret, string alg)
    {
        var signed = $"{Encode(JsonSerializer.SerializeToUtf8Bytes(new { alg, typ = "JWT" }))}.{Encode(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        var signature = alg == "HS256" ? HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(signed)) : [];
        return $"{signed}.{Encode(signature)}";
    }

    /// <summary>The claims of one user under the signature of another's token.</summary>
    public static string Forged(string userId)
    {
        var forged = For(userId, TimeSpan.FromHours(1), secret: "not that secret, but one that is as long").Split('.');
        var good = For("somebody-else", TimeSpan.FromHours(1)).Split('.');
        return $"{forged[0]}.{forged[1]}.{good[2]}";
    }

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);
}
