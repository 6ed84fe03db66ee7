using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>Decides whether a token is ours and says whose it is (PROTOCOL §8). Tokens are never logged.</summary>
/// <remarks>The library reads the token and verifies signature, issuer and audience, with keys of the algorithm the token names and only these. What the claims
/// mean, and what the time says, is decided here.</remarks>
internal sealed class TokenValidator(IOptions<AuthOptions> options, SigningKeys keys, Revocations revocations, TimeProvider time)
{
    private const int MaxTokenChars = 16 * 1024;

    private readonly AuthOptions _options = options.Value;
    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = MaxTokenChars };

    /// <summary>Verifies a token.</summary>
    /// <param name="token">Compact serialization; white space is not trimmed.</param>
    /// <param name="cancellationToken">Ends the wait for published keys.</param>
    /// <returns>The caller, or <c>invalid_token</c>, <c>token_expired</c>, <c>token_revoked</c>, or <c>unavailable</c> when the issuer's keys could not be fetched.</returns>
    public async Task<(Caller? Caller, ErrorCode Error)> ValidateAsync(string token, CancellationToken cancellationToken)
    {
        if (Read(token) is not { } read)
        {
            return (null, ErrorCode.InvalidToken);
        }

        var candidates = await keys.FindAsync(read.Alg, string.IsNullOrEmpty(read.Kid) ? null : read.Kid, cancellationToken);
        if (candidates is null)
        {
            return (null, ErrorCode.Unavailable);
        }

        if (candidates.Count == 0 || !(await _handler.ValidateTokenAsync(read, Rules(read.Alg, candidates))).IsValid)
        {
            return (null, ErrorCode.InvalidToken);
        }

        var (caller, error) = TokenClaims.Read(Base64UrlEncoder.DecodeBytes(read.EncodedPayload), _options, time.GetUtcNow());
        return caller is null ? (null, error)
            : revocations.Revokes(caller) ? (null, ErrorCode.TokenRevoked)
            : (caller with { Revocations = revocations }, ErrorCode.Unspecified);
    }

    /// <returns>Null for what is refused without looking further: what is no token, encrypted ones (they would be decompressed), other algorithms or none,
    /// and critical extensions (RFC 7515, 4.1.11), none of which is understood here.</returns>
    private JsonWebToken? Read(string token)
    {
        if (token.Length > MaxTokenChars || token.AsSpan().Count('.') != 2)
        {
            return null;
        }

        try
        {
            var read = _handler.ReadJsonWebToken(token);
            return read.Alg is TokenAlgorithms.Hs256 or TokenAlgorithms.Rs256 or TokenAlgorithms.Es256 && !read.TryGetHeaderValue<object>("crit", out _) ? read : null;
        }
        catch (Exception exception) when (exception is ArgumentException or SecurityTokenException or JsonException or FormatException or InvalidOperationException)
        {
            return null; // Not Base64url, not JSON, or text that is not Unicode.
        }
    }

    private TokenValidationParameters Rules(string algorithm, IReadOnlyList<SecurityKey> candidates) => new()
    {
        ValidAlgorithms = [algorithm],
        IssuerSigningKeys = candidates,
        TryAllIssuerSigningKeys = true,
        ValidateIssuer = _options.Issuer is not null,
        ValidIssuer = _options.Issuer,
        ValidateAudience = _options.Audience is not null,
        ValidAudience = _options.Audience,
        ValidateLifetime = false, // By our clock, in TokenClaims: an expired token is told from an invalid one.
    };
}
