using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Tertulia.Connections.Tests.Auth;

/// <summary>Signs tokens, good ones and forged ones. Written without the library under test.</summary>
internal static class TokenIssuer
{
    public const string Secret = "0123456789abcdef0123456789abcdef";

    public static string Hs256(object claims, string secret = Secret, object? header = null) =>
        Sign(header ?? new { alg = "HS256", typ = "JWT" }, claims, data => HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), data));

    public static string Rs256(object claims, RSA key, string? kid = null) =>
        Sign(new { alg = "RS256", kid }, claims, data => key.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    public static string Es256(object claims, ECDsa key, string? kid = null) =>
        Sign(new { alg = "ES256", kid }, claims, data => key.SignData(data, HashAlgorithmName.SHA256));

    public static string Sign(object header, object claims, Func<byte[], byte[]> sign)
    {
        var signed = $"{Encode(JsonSerializer.SerializeToUtf8Bytes(header))}.{Encode(claims as byte[] ?? JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{signed}.{Encode(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    public static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);

    public static object Jwk(RSA key, string kid)
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return new { kty = "RSA", use = "sig", alg = "RS256", kid, n = Encode(parameters.Modulus), e = Encode(parameters.Exponent) };
    }

    public static object Jwk(ECDsa key, string? kid)
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return new { kty = "EC", crv = "P-256", kid, x = Encode(parameters.Q.X), y = Encode(parameters.Q.Y) };
    }
}
