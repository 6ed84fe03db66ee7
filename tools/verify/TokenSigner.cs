using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Tertulia.Verify;

/// <summary>Makes the tokens of the clients, valid for an hour: HS256 with a shared secret, RS256 or ES256 with an issuer's private key (RFC 7518).</summary>
internal sealed class TokenSigner
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    private readonly string _header;
    private readonly Func<byte[], byte[]> _sign;
    private readonly VerifyArguments _arguments;
    private readonly TimeProvider _time;

    private TokenSigner(string algorithm, Func<byte[], byte[]> sign, VerifyArguments arguments, TimeProvider time)
    {
        (_sign, _arguments, _time) = (sign, arguments, time);
        var header = new Dictionary<string, string> { ["alg"] = algorithm, ["typ"] = "JWT" };
        if (arguments.KeyId.Length > 0)
        {
            header["kid"] = arguments.KeyId;
        }

        _header = Encode(JsonSerializer.SerializeToUtf8Bytes(header));
    }

    /// <summary>What the environment gives; null: clients come by their name.</summary>
    /// <exception cref="InvalidOperationException">The key is an EC key of another curve than P-256.</exception>
    public static TokenSigner? OfEnvironment(VerifyArguments arguments, TimeProvider time)
    {
        if (Environment.GetEnvironmentVariable("TERTULIA_VERIFY_KEY") is { Length: > 0 } pem)
        {
            return OfKey(pem, arguments, time);
        }

        return Environment.GetEnvironmentVariable("TERTULIA_VERIFY_SECRET") is { Length: > 0 } secret
            ? new TokenSigner("HS256", signed => HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret.Trim()), signed), arguments, time)
            : null;
    }

    public string For(string userId)
    {
        var now = _time.GetUtcNow();
        var claims = new Dictionary<string, object> { ["sub"] = userId, ["name"] = userId, ["iat"] = now.ToUnixTimeSeconds(), ["exp"] = (now + Life)
            .ToUnixTimeSeconds() };
        if (_arguments.Issuer.Length > 0)
        {
            claims["iss"] = _arguments.Issuer;
        }

        if (_arguments.Audience.Length > 0)
        {
            claims["aud"] = _arguments.Audience;
        }

        var signed = $"{_header}.{Encode(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{signed}.{Encode(_sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private static TokenSigner OfKey(string pem, VerifyArguments arguments, TimeProvider time)
    {
        var curve = ECDsa.Create();
        try
        {
            curve.ImportFromPem(pem);
            return curve.KeySize == 256
                ? new TokenSigner("ES256", signed => curve.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation), arguments, time)
                : throw new InvalidOperationException("TERTULIA_VERIFY_KEY: an EC key must be P-256");
        }
        catch (Exception notEc) when (notEc is CryptographicException or ArgumentException)
        {
            curve.Dispose();
        }

        var rsa = RSA.Create();
        rsa.ImportFromPem(pem);
        return new TokenSigner("RS256", signed => rsa.SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), arguments, time);
    }

    private static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
}
