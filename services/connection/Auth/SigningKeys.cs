using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>All keys that tokens may be signed with: the shared secret, the static public keys, the issuer's published ones.</summary>
internal sealed class SigningKeys(IOptions<AuthOptions> options, PublishedKeys published)
{
    private readonly StaticKeys _static = StaticKeys.Load(options.Value);

    /// <summary>Signs tokens in mode Development.</summary>
    public SecurityKey? Secret => _static.Secret;

    /// <summary>The keys that may have signed a token.</summary>
    /// <param name="algorithm"><c>HS256</c>, <c>RS256</c> or <c>ES256</c>: no key is used with an algorithm it is not for.</param>
    /// <param name="keyId">The token's <c>kid</c>; null when it has none.</param>
    /// <param name="cancellationToken">Ends the wait for published keys.</param>
    /// <returns>Null when the answer depends on published keys that could not be fetched.</returns>
    public async ValueTask<IReadOnlyList<SecurityKey>?> FindAsync(string algorithm, string? keyId, CancellationToken cancellationToken)
    {
        var found = _static.Of(algorithm);
        if (algorithm == TokenAlgorithms.Hs256 || options.Value.JwksUrl is null)
        {
            return found; // A static key has no id: the token's says nothing about it.
        }

        var more = await published.FindAsync(algorithm, keyId, cancellationToken);
        return more switch
        {
            null when found.Count == 0 => null,
            null or { Count: 0 } => found,
            _ => [.. found, .. more],
        };
    }
}
