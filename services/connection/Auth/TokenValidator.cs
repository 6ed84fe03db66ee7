using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>Decides whether a token is ours and says whose it is (PROTOCOL §8). Tokens are never logged.</summary>
/// <remarks>The library verifies the signature, with keys of the algorithm the token names and only these: an HS256 token is never tried with a public key.
/// Claims are read from the verified bytes here, with one parser and one set of limits on every version of the library.</remarks>
internal sealed class TokenValidator(IOptions<AuthOptions> options, SigningKeys keys, TimeProvider time)
{
    private const int MaxTokenChars = 16 * 1024;

    private readonly AuthOptions _options = options.Value;
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false, MaximumTokenSizeInBytes = MaxTokenChars };

    /// <summary>Verifies a token.</summary>
    /// <param name="token">Compact serialization; white space is not trimmed.</param>
    /// <param name="cancellationToken">Ends the wait for published keys.</param>
    /// <returns>The caller, or <c>invalid_token</c>, <c>token_expired</c>, or <c>unavailable</c> when the issuer's keys could not be fetched.</returns>
    public async Task<(Caller? Caller, ErrorCode Error)> ValidateAsync(string token, CancellationToken cancellationToken)
    {
        if (TokenHeader.Parse(token, MaxTokenChars) is not { } header)
        {
            return (null, ErrorCode.InvalidToken);
        }

        var candidates = await keys.FindAsync(header.Algorithm, header.KeyId, cancellationToken);
        if (candidates is null)
        {
            return (null, ErrorCode.Unavailable);
        }

        if (candidates.Count == 0 || !IsSigned(token, header.Algorithm, candidates))
        {
            return (null, ErrorCode.InvalidToken);
        }

        return TokenClaims.Read(Base64UrlEncoder.DecodeBytes(header.Payload), _options, time.GetUtcNow());
    }

    private bool IsSigned(string token, string algorithm, IReadOnlyList<SecurityKey> candidates)
    {
        var parameters = new TokenValidationParameters
        {
            ValidAlgorithms = [algorithm],
            IssuerSigningKeys = candidates,
            RequireSignedTokens = true,
            TryAllIssuerSigningKeys = true,
            ValidateIssuerSigningKey = true,
            ValidateIssuer = false,   // Issuer, audience and lifetime: TokenClaims, by our clock.
            ValidateAudience = false,
            ValidateLifetime = false,
        };
#pragma warning disable CS0618 // Obsolete on newer versions, which check keys asynchronously; the oldest one we build with has no other, and our keys are here.
        return _handler.ValidateToken(token, parameters).IsValid;
#pragma warning restore CS0618
    }
}
